/** Maps one segment by its page, as drivers did before there was a call for physical addresses. */
import type { Bytes, DmaAddr, PhysAddr } from "../../../../runtime/address.ts";
import { opDirection, vecOffset } from "../../../../runtime/block/bio.ts";
import type { DmaDevice } from "../../../../runtime/dma/device/device.ts";
import type { Machine } from "../../../../runtime/machine.ts";
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
