/**
 * What if drivers had one way for both: without a range a link maps its buffer by itself, and unlink
 * and destroy unmap those. The state has to remember each of them. The review of the first posting
 * asked for it; it was not merged.
 *
 * @see rules/dma.md 3.1, points 7 and 11; rules/defects.md, `unlink_covers_singles`
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import type { DmaDirection } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import type { DmaIovaState } from "../iova_state.ts";
import type { TwoStepApi } from "./no_two_step.ts";

/** Mappings of single buffers. */
interface SingleCalls {
  dmaMapPhys(
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): DmaAddr | typeof DMA_MAPPING_ERROR;
  dmaMappingError(dev: DmaDevice, dma: DmaAddr): number;
  dmaUnmapPhys(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void;
}

/** @param ranges What is done where there is a range. */
export function oneWay(ranges: TwoStepApi, singles: SingleCalls): TwoStepApi {
  const unlink: TwoStepApi["unlink"] = (dev, state, offset, sizeBytes, dir, attrs) => {
    if (hasRange(state)) return ranges.unlink(dev, state, offset, sizeBytes, dir, attrs);
    const isMeant = (single: { readonly offset: number }) =>
      single.offset >= offset && single.offset < offset + sizeBytes;
    const meant = state.singles.filter(isMeant);
    state.singles = state.singles.filter((single) => !isMeant(single));
    for (const { dma, sizeBytes } of meant) singles.dmaUnmapPhys(dev, dma, sizeBytes, dir, attrs);
  };
  return {
    tryAlloc: (...call) => ranges.tryAlloc(...call),
    link(...call) {
      const [dev, state, phys, offset, sizeBytes, dir, attrs] = call;
      if (hasRange(state)) return ranges.link(...call);
      const dma = singles.dmaMapPhys(dev, phys, sizeBytes, dir, attrs);
      if (dma === DMA_MAPPING_ERROR) return -ERRNO.ENOMEM;
      singles.dmaMappingError(dev, dma);
      state.singles = [...state.singles, { offset, dma, sizeBytes }];
      return 0;
    },
    sync: (dev, state, ...part) => hasRange(state) ? ranges.sync(dev, state, ...part) : 0,
    unlink,
    destroy(dev, state, mappedBytes, dir, attrs) {
      if (hasRange(state)) ranges.destroy(dev, state, mappedBytes, dir, attrs);
      else unlink(dev, state, 0, mappedBytes, dir, attrs);
    },
    free(dev, state) {
      if (hasRange(state)) ranges.free(dev, state);
    },
  };
}

function hasRange({ sizeBytes }: DmaIovaState): boolean {
  return sizeBytes > 0;
}
