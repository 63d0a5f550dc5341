/**
 * Owners of address ranges, by address. All domains of an IOMMU allocate the same addresses, so several
 * owners can have one address.
 *
 * @see rules/traces.md T.26
 */
import { NumberMap } from "./number_map.ts";
import { PAGE_BYTES, pageOf } from "./pages.ts";

/** Limits for damaged or very long traces: the oldest range is dropped for a new one. */
export interface RangeLimits {
  /** Number of pages in which ranges begin. */
  readonly pages: number;
  /** Number of ranges that begin in one page. */
  readonly perPage: number;
}

export class OwnedRanges<Owner> {
  readonly #byPage = new NumberMap<Owner[]>();

  constructor(private readonly limits: RangeLimits) {}

  add(start: number, owner: Owner): void {
    const page = pageOf(start);
    const others = this.#byPage.get(page);
    if (others === undefined) {
      this.#byPage.set(page, [owner]);
      if (this.#byPage.size > this.limits.pages) this.#byPage.delete(this.#byPage.oldestKey!);
    } else if (others.push(owner) > this.limits.perPage) others.shift();
  }

  delete(start: number, owner: Owner): void {
    const page = pageOf(start);
    const others = this.#byPage.get(page);
    if (others === undefined) return;
    const at = others.lastIndexOf(owner);
    if (at < 0) return;
    if (others.length === 1) this.#byPage.delete(page);
    else others.splice(at, 1);
  }

  /** Owners of the ranges that begin in a page, oldest first. */
  beginningIn(page: number): readonly Owner[] {
    return this.#byPage.get(page) ?? NOBODY;
  }

  /**
   * The newest owner that holds an address, among ranges that begin up to `pages` pages before it;
   * null without an owner.
   */
  holder(address: number, pages: number, holds: (owner: Owner) => boolean): Owner | null {
    const page = pageOf(address);
    for (let back = 0; back <= pages; back++) {
      const owner = this.#byPage.get(page - back * PAGE_BYTES)?.findLast(holds);
      if (owner !== undefined) return owner;
    }
    return null;
  }

  /** Every owner that holds an address, among ranges that begin up to `pages` pages before it. */
  holders(address: number, pages: number, holds: (owner: Owner) => boolean): readonly Owner[] {
    const page = pageOf(address);
    const found: Owner[] = [];
    for (let back = 0; back <= pages; back++) {
      found.push(...this.beginningIn(page - back * PAGE_BYTES).filter(holds));
    }
    return found;
  }

  all(): Owner[] {
    return [...this.#byPage.values()].flat();
  }
}

const NOBODY: readonly never[] = [];
