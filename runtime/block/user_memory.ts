/**
 * Decides which user memory a passthrough command maps directly, and which the block layer copies.
 *
 * @see rules/block.md 1.8
 */
import type { BioVec } from "./bio.ts";
import type { QueueLimits } from "./queue_limits.ts";

/** Why a user's memory is copied into pages of the kernel. */
export type CopyReason =
  /** An address or a length has a bit of the queue's DMA alignment mask set. */
  | "alignment"
  /** Two vectors meet at an address that is not on the queue's virtual boundary. */
  | "gap"
  /** A fixed buffer would have to be split. */
  | "split"
  /** The metadata has more segments than the queue allows. */
  | "segments";

/**
 * Decides whether user memory is copied, from the vectors of the whole buffer, before any of it is
 * mapped.
 *
 * @param vecs The user's vectors; their offsets are those of their addresses in the process.
 * @param fixed The buffer was registered before: gaps are not examined.
 * @returns The reason for a copy; null if the memory is mapped directly.
 *
 * @example
 * ```ts ignore
 * // A virtual boundary of 4095, a DMA alignment of 3.
 * whyCopied([{ phys: 0x1000, sizeBytes: 512 }, { phys: 0x3000, sizeBytes: 512 }], limits, false); // "gap"
 * ```
 */
export function whyCopied(
  vecs: readonly BioVec[],
  { dmaAlignmentMask, virtBoundaryMask }: QueueLimits,
  fixed: boolean,
): CopyReason | null {
  // `%` instead of `&`: masks have less than 31 bits, but addresses have more.
  const has = (value: number, mask: number) => value % (mask + 1) !== 0;
  const unaligned = ({ phys, sizeBytes }: BioVec) =>
    has(phys, dmaAlignmentMask) || has(sizeBytes, dmaAlignmentMask);
  if (vecs.some(unaligned)) return "alignment";
  return !fixed && meetsOffBoundary(vecs, virtBoundaryMask) ? "gap" : null;
}

/**
 * Whether two consecutive vectors meet at an address that is not on the boundary. The start of the
 * first vector and the end of the last may lie anywhere.
 */
export function meetsOffBoundary(vecs: readonly BioVec[], boundaryMask: number): boolean {
  return vecs.some(({ phys, sizeBytes }, index) =>
    index > 0 && phys % (boundaryMask + 1) !== 0 ||
    index < vecs.length - 1 && (phys + sizeBytes) % (boundaryMask + 1) !== 0
  );
}
