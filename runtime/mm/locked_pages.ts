/**
 * Pages that a process keeps in memory by `mlock`.
 *
 * @see rules/hmm-rdma-vfio.md 7.7, 7.17
 */
import { PAGE_SIZE_BYTES } from "../address.ts";
import { ERRNO } from "../errno.ts";
import type { AddressSpace } from "./address_space.ts";
import { pageOf } from "./process_pages.ts";

/** The parts of a process that locking uses. */
type Locker = Pick<
  AddressSpace,
  "areaAt" | "faultIn" | "lockedPages" | "maySurpassLimit" | "memlockBytes"
>;

export class LockedPages {
  readonly #pages = new Set<number>();

  constructor(private readonly process: Locker) {}

  has(page: number): boolean {
    return this.#pages.has(page);
  }

  /** The first locked page between two pages; `end` if there is none. */
  firstIn(first: number, end: number): number {
    return this.#in(first, end).reduce((least, page) => Math.min(least, page), end);
  }

  /**
   * Locks the pages between two addresses up to the first hole.
   * @returns 0; -EPERM if nothing may be locked; -ENOMEM over the limit, or at a hole.
   */
  lock(start: number, end: number): number {
    const { process } = this;
    const [first, last] = [pageOf(start), pageOf(end)];
    if (!process.maySurpassLimit) {
      if (process.memlockBytes === 0) return -ERRNO.EPERM;
      const limitPages = Math.floor(process.memlockBytes / PAGE_SIZE_BYTES);
      const wanted = process.lockedPages + last - first;
      if (wanted > limitPages && wanted - this.#in(first, last).length > limitPages) {
        return -ERRNO.ENOMEM;
      }
    }
    const hole = this.#holeIn(first, last);
    for (let page = first; page < hole; page++) {
      if (!this.#pages.has(page)) process.lockedPages++;
      this.#pages.add(page);
    }
    if (hole < last) return -ERRNO.ENOMEM;
    for (let page = first; page < last; page++) {
      const virt = page * PAGE_SIZE_BYTES;
      const error = process.faultIn(virt, process.areaAt(virt)!.access === "write");
      if (error !== 0) return -ERRNO.ENOMEM;
    }
    return 0;
  }

  /** Unlocks the pages between two addresses up to the first hole. @returns 0; -ENOMEM at a hole. */
  unlock(start: number, end: number): number {
    const last = pageOf(end);
    const hole = this.#holeIn(pageOf(start), last);
    this.forget(start, hole * PAGE_SIZE_BYTES);
    return hole < last ? -ERRNO.ENOMEM : 0;
  }

  /** The process loses, or unlocks, what is between two addresses. */
  forget(start: number, end: number): void {
    for (const page of this.#in(pageOf(start), pageOf(end))) {
      this.#pages.delete(page);
      this.process.lockedPages--;
    }
  }

  /** What is between two addresses moves to another address. */
  move(start: number, end: number, to: number): void {
    const pages = this.#in(pageOf(start), pageOf(end));
    for (const page of pages) this.#pages.delete(page);
    for (const page of pages) this.#pages.add(page - pageOf(start) + pageOf(to));
  }

  /** The locked pages between two pages, in any order. */
  #in(first: number, end: number): number[] {
    if (end - first > this.#pages.size) {
      return [...this.#pages].filter((page) => page >= first && page < end);
    }
    const found: number[] = [];
    for (let page = first; page < end; page++) if (this.#pages.has(page)) found.push(page);
    return found;
  }

  /** The first page between two pages that no area has; `last` if there is none. */
  #holeIn(first: number, last: number): number {
    for (let page = first; page < last;) {
      const area = this.process.areaAt(page * PAGE_SIZE_BYTES);
      if (area === null) return page;
      page = pageOf(area.end);
    }
    return last;
  }
}
