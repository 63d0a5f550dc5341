/**
 * Allocated pages: one bit for each page, in blocks. A block is created when one of its pages is
 * allocated.
 *
 * Machines have terabytes of mostly untouched address space, and every test builds a new machine,
 * so an empty bitmap must cost nothing. In a search, a page outside RAM counts as allocated.
 */
import { invariant } from "../errno.ts";
import { zeros } from "../zeros.ts";

const BLOCK_PAGES = 32768;
const WORD_PAGES = 32;

/** Page frames from `start` up to, but not including, `end`. */
export interface PageSpan {
  readonly start: number;
  readonly end: number;
}

export class PageBitmap {
  readonly #blocks = new Map<number, Uint32Array>();
  #takenPages = 0;

  /** @param ram The spans of RAM, ascending and apart. */
  constructor(readonly ram: readonly PageSpan[]) {}

  get takenPages(): number {
    return this.#takenPages;
  }

  /** True when a page is allocated, in RAM or not. */
  taken(page: number): boolean {
    const block = this.#blocks.get(Math.floor(page / BLOCK_PAGES));
    if (block === undefined) return false;
    const bit = page % BLOCK_PAGES;
    return (block[bit >>> 5]! >>> (bit & 31) & 1) !== 0;
  }

  take(page: number): void {
    invariant(page >= 0, "A page lies below physical address 0");
    if (this.taken(page)) return;
    const number = Math.floor(page / BLOCK_PAGES);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      block = zeros(Uint32Array, BLOCK_PAGES / WORD_PAGES);
      this.#blocks.set(number, block);
    }
    const bit = page % BLOCK_PAGES;
    block[bit >>> 5]! |= 1 << (bit & 31);
    this.#takenPages++;
  }

  give(page: number): void {
    if (!this.taken(page)) return;
    const bit = page % BLOCK_PAGES;
    this.#blocks.get(Math.floor(page / BLOCK_PAGES))![bit >>> 5]! &= ~(1 << (bit & 31));
    invariant(this.#takenPages > 0, "More pages are freed than are taken");
    this.#takenPages--;
  }

  /** Marks every page of a span as allocated, whole words at a time where possible. */
  takeSpan(start: number, end: number): void {
    invariant(start <= end, "A span of pages ends before it starts");
    let page = start;
    while (page < end) {
      this.take(page);
      page++;
      while (page % WORD_PAGES === 0 && page + WORD_PAGES <= end) {
        const block = this.#blocks.get(Math.floor(page / BLOCK_PAGES));
        const word = page % BLOCK_PAGES >>> 5;
        if (block === undefined || block[word] !== 0) break;
        block[word] = 0xffff_ffff;
        this.#takenPages += WORD_PAGES;
        page += WORD_PAGES;
      }
    }
  }

  /** The first free page of RAM in `within` that is `from` or later, or -1. */
  nextFree(from: number, within: readonly PageSpan[]): number {
    for (const span of within) {
      if (span.end <= from) continue;
      let page = Math.max(from, span.start);
      while (page < span.end) {
        const block = this.#blocks.get(Math.floor(page / BLOCK_PAGES));
        if (block === undefined) return page;
        const bit = page % BLOCK_PAGES;
        const free = ~block[bit >>> 5]! >>> (bit & 31);
        if (free === 0) {
          page += WORD_PAGES - (bit & 31);
          continue;
        }
        page += 31 - Math.clz32(free & -free);
        if (page < span.end) return page;
      }
    }
    return -1;
  }

  /** The first page of `start` … `end - 1` that is allocated or outside `within`, or -1. */
  firstUnusable(start: number, end: number, within: readonly PageSpan[]): number {
    let span = within[0];
    for (let index = 0; span !== undefined && span.end <= start; index++) span = within[index + 1];
    if (span === undefined || start < span.start) return start;
    const last = Math.min(end, span.end);
    const taken = this.firstTaken(start, last);
    // Spans of RAM never touch, so the page after a span is outside RAM.
    return taken >= 0 ? taken : last < end ? last : -1;
  }

  /** The first page of `start` … `end - 1` that is allocated, or -1. */
  firstTaken(start: number, end: number): number {
    let page = start;
    while (page < end) {
      const block = this.#blocks.get(Math.floor(page / BLOCK_PAGES));
      if (block === undefined) {
        page += BLOCK_PAGES - page % BLOCK_PAGES;
        continue;
      }
      const bit = page % BLOCK_PAGES;
      const taken = block[bit >>> 5]! >>> (bit & 31);
      if (taken === 0) {
        page += WORD_PAGES - (bit & 31);
        continue;
      }
      page += 31 - Math.clz32(taken & -taken);
      if (page < end) return page;
    }
    return -1;
  }
}
