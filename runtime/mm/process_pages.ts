/**
 * The page table of a process: the memory of each 4 KiB of its address space.
 *
 * Pages are numbered by their addresses. A huge page, 512 pages, also has an entry for each 4 KiB.
 * The class also stores which tables exist, because they decide the kernel's notifications: a table
 * of small pages stays when its last page is removed, and no huge page is mapped where there is a
 * table.
 */
import { invariant } from "../errno.ts";
import { PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import { type FrameSource, PageFrame } from "./page_frame.ts";

/** The order of a huge page: 512 pages of 4 KiB. */
export const HUGE_ORDER = 9;
const HUGE_PAGES = 2 ** HUGE_ORDER;
/**
 * Number of small pages in 1 GiB, which one upper table covers. Each of its 512 entries is a huge
 * page, or leads to a table of small pages.
 */
const UPPER_TABLE_PAGES = HUGE_PAGES * HUGE_PAGES;

/** The number of the page that holds an address. */
export function pageOf(virt: number): number {
  return Math.floor(virt / PAGE_SIZE_BYTES);
}

/** The mapping of 4 KiB of the address space. */
export interface MappedPage {
  readonly frame: PageFrame;
  readonly phys: PhysAddr;
  writable: boolean;
  /**
   * The CPU maps 2^order pages together at this entry. The number is smaller than the frame's order
   * if the mapping was split.
   */
  order: number;
  /** No other process shares the page, so the process writes it in place. False after a fork. */
  exclusive: boolean;
}

/**
 * The number of the 2 MiB block in which a page lies. A block is a huge page, or a table of small
 * pages.
 */
function hugeNumber(page: number): number {
  return Math.floor(page / HUGE_PAGES);
}

export class ProcessPages {
  readonly #pages = new Map<number, MappedPage>();
  readonly #frames = new Map<number, PageFrame>();
  /** How often each frame is pinned, by its address; frames that are not pinned have no entry. */
  readonly #pins = new Map<PhysAddr, number>();
  /** Contents of pages that were swapped out. */
  readonly #swapped = new Map<number, Uint8Array | null>();
  /** Numbers of the tables of small pages; `#upperTables`: numbers of the tables above them. */
  readonly #tables = new Set<number>();
  readonly #upperTables = new Set<number>();

  constructor(private readonly source: FrameSource) {}

  /** Number of present pages of 4 KiB. */
  get count(): number {
    return this.#pages.size;
  }

  get(page: number): MappedPage | null {
    return this.#pages.get(page) ?? null;
  }

  /** The `PageFrame` that contains the frame number `pfn`, if some address maps it; else null. */
  frameOf(pfn: number): PageFrame | null {
    return this.#frames.get(pfn) ?? null;
  }

  /** Whether anything is, or was, mapped in the 1 GiB around a page. */
  hasUpperTable(page: number): boolean {
    return this.#upperTables.has(Math.floor(page / UPPER_TABLE_PAGES));
  }

  /** Whether the 2 MiB around a page have neither a table nor a huge page. */
  canBeHuge(page: number): boolean {
    const first = page - page % HUGE_PAGES;
    return !this.#tables.has(hugeNumber(page)) && !this.#pages.has(first);
  }

  /** A private frame of the process, or the zero page; null if no page is available for it. */
  newFrame(order: number, zero: boolean): PageFrame | null {
    const phys = zero ? this.source.zero(order) : this.source.take(order);
    return phys === null ? null : new PageFrame(phys, order, zero ? "zero" : "process");
  }

  /** A frame for memory that processes share; null if no page is available for it. */
  newSharedFrame(): PageFrame | null {
    const phys = this.source.take(0);
    return phys === null ? null : new PageFrame(phys, 0, "file");
  }

  /** Maps a whole frame at consecutive pages from the page `first` on. */
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

  /** Removes a page, or its swapped-out contents. */
  remove(page: number): void {
    this.#swapped.delete(page);
    const mapped = this.#pages.get(page);
    if (mapped === undefined) return;
    this.#pages.delete(page);
    invariant(mapped.frame.mapped > 0, "A frame is unmapped more often than mapped");
    mapped.frame.mapped--;
    this.release(mapped.frame);
  }

  /** Whether a driver has pinned a frame. */
  isPinned({ phys }: PageFrame): boolean {
    return this.#pins.has(phys);
  }

  /** Number of pinned frames, mapped or not. */
  get pinnedFrames(): number {
    return this.#pins.size;
  }

  /** Pins the frames of contiguous memory, each once. */
  pin(phys: PhysAddr, pages: number): void {
    const pins = this.#pins;
    const end = phys + pages * PAGE_SIZE_BYTES;
    for (let at = phys; at < end;) {
      const frame = this.frameOf(at / PAGE_SIZE_BYTES);
      const base = frame?.phys ?? at;
      pins.set(base, (pins.get(base) ?? 0) + 1);
      at = endOfFrame(frame, at);
    }
  }

  /**
   * Undoes a call of `pin`. A frame that nothing maps any more is freed.
   * @param isWritten A device may have written the memory.
   */
  unpin(phys: PhysAddr, pages: number, isWritten: boolean): void {
    const end = phys + pages * PAGE_SIZE_BYTES;
    for (let at = phys; at < end;) {
      const frame = this.frameOf(at / PAGE_SIZE_BYTES);
      const base = frame?.phys ?? at;
      at = endOfFrame(frame, at);
      const pins = this.#pins.get(base);
      invariant(pins !== undefined, "A frame is unpinned that is not pinned");
      if (pins > 1) this.#pins.set(base, pins - 1);
      else this.#pins.delete(base);
      if (frame === null) continue;
      if (isWritten) frame.dirty = true;
      this.release(frame);
    }
  }

  /** Frees a frame that is no longer in use. */
  release(frame: PageFrame): void {
    if (frame.mapped > 0 || frame.cached || frame.owner === "zero") return;
    if (this.#pins.has(frame.phys)) return;
    const first = frame.phys / PAGE_SIZE_BYTES;
    for (let index = 0; index < 2 ** frame.order; index++) this.#frames.delete(first + index);
    if (frame.owner !== "lent") this.source.give(frame.phys, frame.order);
  }

  /** Swaps a page out, so that it takes no memory. */
  swapOut(page: number): void {
    invariant(this.#pages.has(page), "A page is swapped out that is not present");
    const saved = this.source.save(this.#pages.get(page)!.phys);
    this.remove(page);
    this.#swapped.set(page, saved);
  }

  isSwapped(page: number): boolean {
    return this.#swapped.has(page);
  }

  /** Copies a page's swapped-out contents into a frame. */
  swapIn(page: number, frame: PageFrame): void {
    invariant(this.#swapped.has(page), "A page is swapped in that is not swapped out");
    const saved = this.#swapped.get(page);
    if (saved) this.source.restore(frame.phys, saved);
    this.#swapped.delete(page);
  }

  copy(from: PhysAddr, to: PhysAddr): void {
    this.source.copy(from, to);
  }

  /** Moves the mappings of the pages from `first` to `end - 1`, so that they begin at the page `to`. */
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

  /** Splits the huge mapping around a page, if there is one, into small pages. */
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

  /** Calls back with each present page between two pages, in order. */
  forEach(first: number, end: number, visit: (page: number, mapped: MappedPage) => void): void {
    for (const page of this.#numbers(this.#pages, first, end)) visit(page, this.#pages.get(page)!);
  }

  /** Removes all pages between two pages, swapped-out ones included. */
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

/** Where the frame ends that has the page at an address; lent memory that was unmapped has none. */
function endOfFrame(frame: PageFrame | null, at: PhysAddr): PhysAddr {
  const end = frame === null ? at + PAGE_SIZE_BYTES : frame.phys + (PAGE_SIZE_BYTES << frame.order);
  return end as PhysAddr;
}
