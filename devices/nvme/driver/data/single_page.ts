/** Maps one segment by its page, as drivers did before there was a call for physical addresses. */
import type { Bytes, DmaAddr, Machine, PhysAddr } from "@dmalab/runtime";
import { opDirection, vecOffset } from "@dmalab/runtime/block";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { NvmeRequest } from "../command/nvme_request.ts";

/** @returns The device's address of the first byte, or `DMA_MAPPING_ERROR`. */
export function mapPage(
  machine: Machine,
  dev: DmaDevice,
  phys: PhysAddr,
  sizeBytes: Bytes,
  request: NvmeRequest,
): DmaAddr {
  const offset = vecOffset(phys);
  const page = (phys - offset) as PhysAddr;
  return machine.dma.dmaMapPage(dev, page, offset, sizeBytes, opDirection(request.op));
}
