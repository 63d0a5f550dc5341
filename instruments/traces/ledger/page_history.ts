/**
 * The mappings of the pages that faults were about, in the order of their map lines.
 *
 * Only pages of interest are kept: the kernel's log is read first.
 *
 * @see behaviour/traces.md T.62, T.69
 */
import { PAGE_BYTES, pageEnd, pageOf, type TracedMapping } from "./traced_mapping.ts";

export class PageHistory {
  readonly #pages = new Map<number, TracedMapping[]>();

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

  /** Adds a mapping to each kept page that it covers. */
  add(mapping: TracedMapping, start = mapping.addr, sizeBytes = mapping.sizeBytes): void {
    const [first, end] = [pageOf(start), pageEnd(start, sizeBytes)];
    if ((end - first) / PAGE_BYTES > this.#pages.size) {
      for (const [page, mappings] of this.#pages) {
        if (page >= first && page < end) mappings.push(mapping);
      }
      return;
    }
    for (let page = first; page < end; page += PAGE_BYTES) this.#pages.get(page)?.push(mapping);
  }

  at(page: number): readonly TracedMapping[] {
    return this.#pages.get(page) ?? [];
  }
}
