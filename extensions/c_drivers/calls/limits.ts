/** What a driver says of its device. @see rules/c-api.md 6, trap 10 */
import type { CCallEntry } from "../call_entry.ts";

const LIMITS = [
  ["min_align_mask", "minAlignMask", "unsigned int mask"],
  ["max_seg_size", "maxSegmentSizeBytes", "unsigned int size"],
  ["seg_boundary", "segmentBoundaryMask", "unsigned long mask"],
] as const;

export const LIMIT_CALLS: readonly CCallEntry[] = LIMITS.flatMap(([name, limit, value]) => [
  {
    c: `void dma_set_${name}(struct device *dev, ${value})`,
    run(kernel, [dev, given]) {
      const isWide = value.startsWith("unsigned long");
      kernel.device(dev)[limit] = isWide ? Math.min(given, Number.MAX_SAFE_INTEGER) : given >>> 0;
    },
  },
  {
    c: `${value.replace(/ \w+$/, "")} dma_get_${name}(struct device *dev)`,
    run: (kernel, [dev]) => kernel.device(dev)[limit],
  },
]);
