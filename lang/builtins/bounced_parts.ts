/** Which of a device's addresses lead to bounce buffers, and what memory those stand for. */
import { directAddress, type DmaDevice } from "@dmalab/runtime/dma";
import type { BouncedBuffer } from "@dmalab/runtime/memory";
import type { BouncedPart } from "../render/pictures/bounced_lines.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { mappedRuns } from "./mapped_runs.ts";

/** Addresses that a device was given. */
interface Extent {
  readonly dma: number;
  readonly sizeBytes: number;
}

/** The bounce buffers behind addresses of a device, by address; none behind memory itself. */
export function bouncedParts(
  device: DmaDevice,
  extents: readonly Extent[],
  { lab }: ExecutionContext,
): BouncedPart[] {
  const parts: BouncedPart[] = [];
  lab.machine.swiotlb.forEachBuffer((buffer) => {
    const dma = addressOf(buffer, device, extents);
    if (dma === null) return;
    const { origPhys, sizeBytes, tlbPhys } = buffer;
    parts.push({ dma, sizeBytes, tlbPhys, origPhys });
  });
  return parts.sort((a, b) => a.dma - b.dma);
}

/** Where the device sees a bounce buffer; null where none of the addresses leads to it. */
function addressOf(
  { tlbPhys }: BouncedBuffer,
  device: DmaDevice,
  extents: readonly Extent[],
): number | null {
  if (device.domain === null) {
    const dma = directAddress(device, tlbPhys);
    return extents.some((each) => dma >= each.dma && dma < each.dma + each.sizeBytes) ? dma : null;
  }
  for (const { dma, sizeBytes } of extents) {
    for (
      const { iova, phys, sizeBytes: bytes } of mappedRuns(device.domain, dma, dma + sizeBytes - 1)
    ) {
      if (tlbPhys >= phys && tlbPhys < phys + bytes) return iova + (tlbPhys - phys);
    }
  }
  return null;
}
