/**
 * The page table of a process: what each 4 KiB of its address space lead to.
 *
 * Pages are numbered by their addresses. Huge pages, 512 at once, have an entry for each 4 KiB all
 * the same. Which tables there are is remembered, because it decides the kernel's notifications: a
 * table of small pages stays when its last page has gone, and no huge page comes where one is.
 */
import { invariant } from "../errno.ts";
import { PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import { type FrameSource, PageFrame } from "./page_frame.ts";

/** The order of a huge page: 512 pages of 4 KiB. */
export const HUGE_ORDER = 9;
const HUGE_PAGES = 2 ** HUGE_ORDER;
/** Pages below one entry of the table above: 1 GiB. */
const UPPER_TABLE_PAGES = HUGE_PAGES * HUGE_PAGES;

/** The number of the page that holds an address. */
export function pageOf(virt: number): number {
  return Math.floor(virt / PAGE_SIZE_BYTES);
}

/** What 4 KiB of the address space lead to. */
export interface MappedPage {
  readonly frame: PageFrame;
  readonly phys: PhysAddr;
  writable: boolean;
  /** The CPU maps 2^order pages at once here; less than the frame's where the mapping was split. */
  order: number;
  /** No other process can have it: it is written in place. Not so any more after a fork. */
  exclusive: boolean;
}

/** A huge page, or the table of small ones, that a page is in. */
function hugeNumber(page: number): number {
  return Math.floor(page / HUGE_PAGES);
}

export class ProcessPages {
  readonly #pages = new Map<number, MappedPage>();
  readonly #frames = new Map<number, PageFrame>();
  /** Contents of pages that were written out. */
  readonly #swapped = new Map<number, Uint8Array | null>();
  /** Tables of small pages, and the tables above them. */
  readonly #tables = new Set<number>();
  readonly #upperTables = new Set<number>();

  constructor(private readonly source: FrameSource) {}

  /** Pages of 4 KiB that are there. */
  get count(): number {
    return this.#pages.size;
  }

  get(page: number): MappedPage | null {
    return this.#pages.get(page) ?? null;
  }

  /** The page that a page frame is part of, where some address leads to it; else null. */
  frameOf(pfn: number): PageFrame | null {
    return this.#frames.get(pfn) ?? null;
  }

  /** Whether something is, or was, mapped in the 1 GiB around a page. */
  hasUpperTable(page: number): boolean {
    return this.#upperTables.has(Math.floor(page / UPPER_TABLE_PAGES));
  }

  /** Whether no table and no huge page is there where 512 pages would be one. */
  canBeHuge(page: number): boolean {
    const first = page - page % HUGE_PAGES;
    return !this.#tables.has(hugeNumber(page)) && !this.#pages.has(first);
  }

  /** A frame of the process's own, or the zero page; null without one. */
  newFrame(order: number, zero: boolean): PageFrame | null {
    const phys = zero ? this.source.zero(order) : this.source.take(order);
    return phys === null ? null : new PageFrame(phys, order, zero ? "zero" : "process");
  }

  /** A frame for memory that processes share; null without one. */
  newSharedFrame(): PageFrame | null {
    const phys = this.source.take(0);
    return phys === null ? null : new PageFrame(phys, 0, "file");
  }

  /** Lets a whole frame be found from its first page on. */
  putFrame(first: number, frame: PageFrame, writable: boolean): void {
    invariant(first % 2 ** frame.order === 0, "A huge page is mapped across its size");
    for (let index = 0; index < 2 ** frame.order; index++) {
      const phys = frame.phys + index * PAGE_SIZE_BYTES as PhysAddr;
      this.put(first + index, frame, phys, writable, frame.order);
    }
  }

  put(
    page: number,
    frame: PageFrame,
    phys: PhysAddr,
    writable: boolean,
    order: number,
  ): void {
    invariant(!this.#pages.has(page), "A page is mapped on top of another");
    frame.mapped++;
    const exclusive = frame.owner === "process" || frame.owner === "lent";
    this.#frames.set(phys / PAGE_SIZE_BYTES, frame);
    this.#pages.set(page, { frame, phys, writable, order, exclusive });
    this.#upperTables.add(Math.floor(page / UPPER_TABLE_PAGES));
    if (order === 0) this.#tables.add(hugeNumber(page));
  }

  /** A page, or what was written out of it, goes. */
  remove(page: number): void {
    this.#swapped.delete(page);
    const mapped = this.#pages.get(page);
    if (mapped === undefined) return;
    this.#pages.delete(page);
    invariant(mapped.frame.mapped > 0, "A frame is unmapped more often than mapped");
    mapped.frame.mapped--;
    this.release(mapped.frame);
  }

  /** Frees a frame that is in use no longer. */
  release(frame: PageFrame): void {
    if (frame.mapped > 0 || frame.cached || frame.owner === "zero") return;
    const first = frame.phys / PAGE_SIZE_BYTES;
    for (let index = 0; index < 2 ** frame.order; index++) this.#frames.delete(first + index);
    if (frame.owner !== "lent") this.source.give(frame.phys, frame.order);
  }

  /** Takes a page out to where it takes no memory. */
  swapOut(page: number): void {
    invariant(this.#pages.has(page), "A page is swapped out that is not present");
    const saved = this.source.save(this.#pages.get(page)!.phys);
    this.remove(page);
    this.#swapped.set(page, saved);
  }

  isSwapped(page: number): boolean {
    return this.#swapped.has(page);
  }

  /** Puts what was written out of a page into a frame. */
  swapIn(page: number, frame: PageFrame): void {
    invariant(this.#swapped.has(page), "A page is swapped in that is not swapped out");
    const saved = this.#swapped.get(page);
    if (saved) this.source.restore(frame.phys, saved);
    this.#swapped.delete(page);
  }

  copy(from: PhysAddr, to: PhysAddr): void {
    this.source.copy(from, to);
  }

  /** Lets pages from `to` on lead where those between two pages do, and takes them away here. */
  moveAll(first: number, end: number, to: number): void {
    const pages = this.#numbers(this.#pages, first, end);
    const swapped = this.#numbers(this.#swapped, first, end);
    for (const page of new Set([...pages, ...swapped])) this.#move(page, to + page - first);
  }

  #move(from: number, to: number): void {
    const mapped = this.#pages.get(from);
    const saved = this.#swapped.get(from);
    if (saved !== undefined) this.#swapped.set(to, saved);
    if (mapped !== undefined) {
      this.put(to, mapped.frame, mapped.phys, mapped.writable, mapped.order);
      this.#pages.get(to)!.exclusive = mapped.exclusive;
    }
    this.remove(from);
  }

  isHuge(page: number): boolean {
    return (this.#pages.get(page)?.order ?? 0) > 0;
  }

  /** A huge mapping around a page becomes one of small pages, where there is one. */
  split(page: number): void {
    const mapped = this.#pages.get(page);
    if (mapped === undefined || mapped.order === 0) return;
    const first = page - page % HUGE_PAGES;
    const zero = mapped.frame.owner === "zero" ? this.newFrame(0, true) : null;
    for (let at = first; at < first + HUGE_PAGES; at++) {
      if (zero === null) this.#pages.get(at)!.order = 0;
      else {
        this.remove(at);
        this.put(at, zero, zero.phys, false, 0);
      }
    }
    this.#tables.add(hugeNumber(page));
  }

  /** Calls back with each page that is there between two pages, in their order. */
  forEach(first: number, end: number, visit: (page: number, mapped: MappedPage) => void): void {
    for (const page of this.#numbers(this.#pages, first, end)) visit(page, this.#pages.get(page)!);
  }

  /** Everything between two pages goes, also what was written out. */
  removeAll(first: number, end: number): void {
    for (const page of this.#numbers(this.#pages, first, end)) this.remove(page);
    for (const page of this.#numbers(this.#swapped, first, end)) this.#swapped.delete(page);
  }

  #numbers(map: ReadonlyMap<number, unknown>, first: number, end: number): number[] {
    if (end - first > map.size) {
      return [...map.keys()].filter((page) => page >= first && page < end).sort((a, b) => a - b);
    }
    const found: number[] = [];
    for (let page = first; page < end; page++) if (map.has(page)) found.push(page);
    return found;
  }
}
