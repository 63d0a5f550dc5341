/** Numbers to try instead of one that fails. */
import type { Dimension } from "./property_cases.ts";

/** Largest power of two that is tried as a step. */
const MAX_BITS = 52;

/**
 * Smaller numbers of a dimension, the smallest first.
 *
 * Halving the way to the smallest number finds where failures begin, as long as all numbers beyond
 * fail, too. Sizes and addresses often fail at multiples of a page or a sector only, or at one
 * offset in it: so these are the next multiples below of each power of two, and what is left when
 * one is taken away.
 *
 * @example
 * ```ts
 * smallerNumbers(4097, { first: 1, last: 8192 }); // [1, 2049, … 4096]
 * ```
 */
export function smallerNumbers(value: number, { first, last }: Dimension): readonly number[] {
  const sign = value < 0 ? -1 : 1;
  const magnitude = Math.abs(value);
  const nearest = first > 0 ? first : last < 0 ? last : 0;
  const found = new Set<number>();
  if (magnitude > Math.abs(nearest)) found.add(Math.abs(nearest));
  for (let bits = 0; bits <= MAX_BITS; bits++) {
    const step = 2 ** bits;
    if (step >= magnitude) break;
    const multiple = Math.floor((magnitude - 1) / step) * step;
    if (multiple >= Math.abs(nearest)) found.add(multiple);
    if (magnitude - step >= Math.abs(nearest)) found.add(magnitude - step);
  }
  // `0 * -1` would be another zero.
  return [...found].sort((a, b) => a - b).map((number) => number * sign + 0);
}
