/** Compares the limits of a disk's request queue in the model with the limits in the guest's sysfs. */
import type { QueueLimits } from "@dmalab/runtime";

/** The model's values of the limits by their names in sysfs, in the units of sysfs. */
const LIMITS: Readonly<Record<string, (limits: QueueLimits) => number>> = {
  dma_alignment: ({ dmaAlignmentMask }) => dmaAlignmentMask,
  logical_block_size: ({ logicalBlockSizeBytes }) => logicalBlockSizeBytes,
  max_hw_sectors_kb: ({ maxHwSectors }) => maxHwSectors / 2,
  max_integrity_segments: ({ maxIntegritySegments }) => maxIntegritySegments,
  max_sectors_kb: ({ maxSectors }) => maxSectors / 2,
  max_segments: ({ maxSegments }) => maxSegments,
  max_segment_size: ({ maxSegmentSizeBytes }) => maxSegmentSizeBytes,
  virt_boundary_mask: ({ virtBoundaryMask }) => virtBoundaryMask,
};

/** The compared limits that the sysfs of every modelled release has. */
export const COMPARED_LIMITS: readonly string[] = [
  "logical_block_size",
  "max_hw_sectors_kb",
  "max_sectors_kb",
  "max_segments",
  "max_segment_size",
];

/** The rule in `docs/rules/` about the limits of a queue. */
export const LIMITS_RULE = "nvme.1.1";

/** A limit that differs between the two sides. */
export interface LimitDifference {
  readonly disk: string;
  /** The limit's name in sysfs. */
  readonly limit: string;
  readonly ofModel: number;
  readonly ofKernel: number;
}

/** The limits that differ. A limit that is missing in the kernel's sysfs is not compared. */
export function limitDifferences(
  disk: string,
  limits: QueueLimits,
  sysfs: ReadonlyMap<string, string>,
): LimitDifference[] {
  return Object.entries(LIMITS).flatMap(([limit, valueOf]) => {
    const text = sysfs.get(limit);
    const ofModel = valueOf(limits);
    const ofKernel = Number(text);
    return text === undefined || ofKernel === ofModel ? [] : [{ disk, limit, ofModel, ofKernel }];
  });
}
