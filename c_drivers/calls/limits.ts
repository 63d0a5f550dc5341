/** What a driver says of its device. @see behaviour/c-api.md 6, trap 10 */
import type { CCallEntry } from "../call_entry.ts";

export const LIMIT_CALLS: readonly CCallEntry[] = [
  {
    c: "void dma_set_min_align_mask(struct device *dev, unsigned int mask)",
    run(kernel, [dev, mask]) {
      kernel.device(dev).minAlignMask = mask >>> 0;
    },
  },
  {
    c: "unsigned int dma_get_min_align_mask(struct device *dev)",
    run: (kernel, [dev]) => kernel.device(dev).minAlignMask,
  },
  {
    c: "void dma_set_max_seg_size(struct device *dev, unsigned int size)",
    run(kernel, [dev, size]) {
      kernel.device(dev).maxSegmentSizeBytes = size >>> 0;
    },
  },
  {
    c: "unsigned int dma_get_max_seg_size(struct device *dev)",
    run: (kernel, [dev]) => kernel.device(dev).maxSegmentSizeBytes,
  },
  {
    c: "void dma_set_seg_boundary(struct device *dev, unsigned long mask)",
    run(kernel, [dev, mask]) {
      kernel.device(dev).segmentBoundaryMask = Math.min(mask, Number.MAX_SAFE_INTEGER);
    },
  },
  {
    c: "unsigned long dma_get_seg_boundary(struct device *dev)",
    run: (kernel, [dev]) => kernel.device(dev).segmentBoundaryMask,
  },
];
