/**
 * What has lived at the pages that faults were about, in the order of births.
 *
 * Only pages of interest are kept: the kernel's log is read first.
 *
 * @see behaviour/traces.md T.62, T.69
 */
import { type Life, PAGE_BYTES, pageEnd, pageOf } from "./life.ts";

export class PageHistory {
  readonly #pages = new Map<number, Life[]>();

  /** @param addresses Where devices faulted; the page before each is kept too. */
  constructor(addresses: Iterable<number>) {
    for (const address of addresses) {
      const page = pageOf(address);
      for (const each of [page, page - PAGE_BYTES]) {
        if (!this.#pages.has(each)) this.#pages.set(each, []);
      }
    }
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /** Notes a life at each page that it covers and that is kept. */
  add(life: Life, start = life.addr, sizeBytes = life.sizeBytes): void {
    const [first, end] = [pageOf(start), pageEnd(start, sizeBytes)];
    if ((end - first) / PAGE_BYTES > this.#pages.size) {
      for (const [page, lives] of this.#pages) {
        if (page >= first && page < end) lives.push(life);
      }
      return;
    }
    for (let page = first; page < end; page += PAGE_BYTES) this.#pages.get(page)?.push(life);
  }

  at(page: number): readonly Life[] {
    return this.#pages.get(page) ?? [];
  }
}
