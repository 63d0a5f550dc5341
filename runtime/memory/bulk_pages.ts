/** Pages taken many at a time, by those who need so many pages and do not mind where they lie. */
import type { PhysAddr } from "../address.ts";
import { INJECTION } from "../injection.ts";
import type { Machine } from "../machine.ts";

/**
 * Takes up to `wantedPages` single pages and adds their addresses to a list. Each page is a passing
 * of the point `alloc_pages`; the first that cannot be had ends the call, and what came before stays.
 *
 * @param apart No two are neighbours, as far as memory goes; else they are side by side where they
 *   can be.
 * @returns How many it took: less than wanted, or none, where memory is short.
 * @see rules/hmm-rdma-vfio.md 3.1
 */
export function allocPagesBulk(
  machine: Machine,
  into: PhysAddr[],
  wantedPages: number,
  apart: boolean,
): number {
  const { faults, pages } = machine;
  const before = into.length;
  const goesOn = () => faults === null || faults.errnoAt(INJECTION.alloc_pages) === 0;
  pages.allocEach(into, wantedPages, apart, goesOn);
  return into.length - before;
}
