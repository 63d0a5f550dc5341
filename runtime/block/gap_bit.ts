/**
 * The gap bit: the lowest address bit that is set where two joined vectors of a request do not
 * meet.
 *
 * The kernel keeps one byte instead of an address mask: 0 for no gap, else one plus the position of
 * the lowest set bit over all starts and ends of joined vectors. This code takes the lowest bit of
 * each address, and then the minimum of these bits. The bitwise OR of all addresses has the same
 * lowest bit, but the minimum is also right for offsets above 31 bits.
 *
 * @see rules/block.md 1.6
 */
import type { Bytes } from "../address.ts";
import type { Kernel } from "../kernels/kernels.ts";
import type { Bio } from "./bio.ts";
import type { BlockRequest } from "./request.ts";

/** One plus the position of the lowest set bit; 0 for 0. */
export function lowestBit(value: number): number {
  const low = value >>> 0;
  if (low !== 0) return 32 - Math.clz32(low & -low);
  const high = (value / 2 ** 32) >>> 0;
  return high === 0 ? 0 : 64 - Math.clz32(high & -high);
}

/** The lower of two gap bits; 0 means no gap and is ignored. */
export function lowerGap(a: number, b: number): number {
  if (a === 0) return b;
  return b === 0 || a < b ? a : b;
}

/**
 * The gap bit of two consecutive vectors.
 *
 * @param endOffset Where the first vector ends: its offset in its page, plus its length.
 * @param nextOffset Offset of the second vector in its page.
 */
export function pairGap(endOffset: number, nextOffset: number): number {
  return lowerGap(lowestBit(endOffset), lowestBit(nextOffset));
}

/**
 * Whether a gap violates a boundary: the address bit of the gap lies in `boundaryMask`.
 *
 * @param boundaryMask A power of two minus one; with 0 no gap matters.
 */
export function gapMeets(gapBit: number, boundaryMask: number): boolean {
  return gapBit !== 0 && 2 ** (gapBit - 1) <= boundaryMask;
}

/** Computes the gap bit of consecutive vectors, which are added one at a time. */
export class JoinGaps {
  bit = 0;
  #endOffset = -1;

  /** @param offset Offset of the vector's first byte in its page. */
  add(offset: number, sizeBytes: Bytes): void {
    if (this.#endOffset >= 0) this.bit = lowerGap(this.bit, pairGap(this.#endOffset, offset));
    this.#endOffset = offset + sizeBytes;
  }
}

/** The gap bit of the joins between a bio's vectors. */
export function bioGap(bio: Bio): number {
  const joins = new JoinGaps();
  bio.eachPart((_phys, offset, sizeBytes) => joins.add(offset, sizeBytes));
  return joins.bit;
}

/**
 * Sets the gap bit of one of the two parts of a bio that was cut: `rest` if the release has
 * `gap_bit_lost_on_split`, else `front`.
 * @param walkedGap Gap bit that includes the join with the first vector that did not fit.
 */
export function keepCutGap(kernel: Kernel, front: Bio, rest: Bio, walkedGap: number): void {
  if (kernel.no_gap_bit) return;
  if (kernel.gap_bit_lost_on_split) rest.gapBit = walkedGap;
  else front.gapBit = kernel.gap_of_next_piece_counts ? walkedGap : bioGap(front);
}

/**
 * Updates the gap bit of a request when bios become part of it.
 * @param gapBit Gap bit of the joining bios.
 * @param joinGap Gap bit of the two vectors that meet, 0 if they touch.
 */
export function keepJoinedGap(
  kernel: Kernel,
  request: BlockRequest,
  gapBit: number,
  joinGap: number,
): void {
  if (kernel.no_gap_bit) return;
  request.gapBit = lowerGap(lowerGap(request.gapBit, gapBit), joinGap);
}
