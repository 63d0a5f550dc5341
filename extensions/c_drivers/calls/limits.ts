/** The limits that a driver declares for its device. @see rules/c-api.md 6, trap 10 */
import type { CCallEntry } from "../call_entry.ts";

const LIMITS = [
  ["min_align_mask", "minAlignMask", "unsigned int mask"],
  ["max_seg_size", "maxSegmentSizeBytes", "unsigned int size"],
  ["seg_boundary", "segmentBoundaryMask", "unsigned long mask"],
] as const;

const OF_TREE: CCallEntry = {
  c: "void dmalab_limits_of(struct device *dev, unsigned int *max_seg_size, " +
    "unsigned int *min_align_mask, unsigned long *seg_boundary)",
  run(kernel, [dev, maxSegmentAt, minAlignAt, boundaryAt]) {
    kernel.limitsOf.set(kernel.device(dev), { maxSegmentAt, minAlignAt, boundaryAt });
  },
};

const BY_CALL: readonly CCallEntry[] = LIMITS.flatMap(([name, limit, value]) => [
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

export const LIMIT_CALLS: readonly CCallEntry[] = [OF_TREE, ...BY_CALL];
