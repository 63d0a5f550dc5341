/**
 * Page faults of a process. A page is faulted in from its area's source, or is made writable in
 * place, or is copied because others share it.
 *
 * @see rules/hmm-rdma-vfio.md 5.4, 5.5
 */
import { PAGE_SIZE_BYTES } from "../address.ts";
import { ERRNO } from "../errno.ts";
import type { PageFrame } from "./page_frame.ts";
import { filePageOf, type FilePages, type MemoryArea } from "./process_areas.ts";
import { HUGE_ORDER, type MappedPage, pageOf, type ProcessPages } from "./process_pages.ts";

const HUGE_PAGES = 2 ** HUGE_ORDER;
/**
 * After a read fault in a file, this many pages of the file around the fault are mapped at once, if
 * they are present: a block of 64 KiB.
 */
const AROUND_PAGES = 16;

/**
 * Notifies that a change of pages begins, makes the change, and notifies that it has ended.
 * @returns 0, or a negative errno when a notifier refused.
 */
type ReplacePages = (start: number, end: number, change: () => void) => number;

export class ProcessFaults {
  readonly #pages: ProcessPages;
  readonly #replace: ReplacePages;

  constructor(pages: ProcessPages, replace: ReplacePages) {
    this.#pages = pages;
    this.#replace = replace;
  }

  /**
   * Faults a page of an area in, or makes it writable.
   * @returns 0, -EFAULT for a broken page, -ENOMEM.
   */
  handle(area: MemoryArea, page: number, write: boolean): number {
    const mapped = this.#pages.get(page);
    if (mapped === null) return this.#bringIn(area, page, write);
    if (mapped.frame.broken) return -ERRNO.EFAULT;
    if (write) mapped.frame.lazyFree = false;
    return write && !mapped.writable ? this.#allowWrite(area, page, mapped) : 0;
  }

  /**
   * Gives the process memory of its own for a present page that is the zero page, or a page of a file
   * that is copied when it is written. The page stays read-only.
   * @returns 0, -ENOMEM.
   */
  unshare(area: MemoryArea, page: number): number {
    const mapped = this.#pages.get(page)!;
    return isBorrowed(area, mapped) ? this.#copy(area, page, mapped, false) : 0;
  }

  #bringIn(area: MemoryArea, page: number, write: boolean): number {
    if (this.#pages.isSwapped(page)) return this.#swapIn(area, page, write);
    if (area.file !== null) return this.#bringFileIn(area, area.file, page, write);
    const first = page - page % HUGE_PAGES;
    const huge = area.order === HUGE_ORDER && first >= pageOf(area.start) &&
      first + HUGE_PAGES <= pageOf(area.end) && this.#pages.canBeHuge(page);
    const frame = this.#pages.newFrame(huge ? HUGE_ORDER : 0, !write);
    if (frame === null) return -ERRNO.ENOMEM;
    if (huge || write) area.ownsPages = true;
    this.#pages.putFrame(huge ? first : page, frame, write);
    return 0;
  }

  #swapIn(area: MemoryArea, page: number, write: boolean): number {
    const frame = this.#pages.newFrame(0, false);
    if (frame === null) return -ERRNO.ENOMEM;
    this.#pages.swapIn(page, frame);
    this.#pages.putFrame(page, frame, write || area.access === "write");
    return 0;
  }

  #bringFileIn(area: MemoryArea, file: FilePages, page: number, write: boolean): number {
    const number = filePageOf(area, page);
    let cached = file.get(number) ?? null;
    if (cached === null) {
      cached = this.#pages.newSharedFrame();
      if (cached === null) return -ERRNO.ENOMEM;
      cached.cached = true;
      file.set(number, cached);
    }
    if (write && area.kind !== "shared") {
      const own = this.#copyOf(area, cached);
      if (own === null) return -ERRNO.ENOMEM;
      this.#pages.putFrame(page, own, true);
      return 0;
    }
    this.#putFilePage(area, page, cached);
    if (!write) this.#mapAround(area, file, page);
    return 0;
  }

  #putFilePage({ access, kind }: MemoryArea, page: number, frame: PageFrame): void {
    this.#pages.put(page, frame, frame.phys, access === "write" && kind === "shared", 0);
  }

  /** Fault-around: maps present pages of a file near a read page. */
  #mapAround(area: MemoryArea, file: FilePages, page: number): void {
    const window = page - page % AROUND_PAGES;
    const first = Math.max(window, pageOf(area.start));
    const end = Math.min(window + AROUND_PAGES, pageOf(area.end));
    for (let near = first; near < end; near++) {
      const frame = file.get(filePageOf(area, near));
      if (frame === undefined || this.#pages.get(near) !== null) continue;
      if (!this.#pages.isSwapped(near)) this.#putFilePage(area, near, frame);
    }
  }

  /** A private frame with a copy of another frame's contents; null if no frame is free. */
  #copyOf(area: MemoryArea, other: PageFrame): PageFrame | null {
    const own = this.#pages.newFrame(other.order, false);
    if (own === null) return null;
    if (other.owner !== "zero") this.#pages.copy(other.phys, own.phys);
    area.ownsPages = true;
    return own;
  }

  /** Replaces a page by a copy that belongs to the process. */
  #copy(area: MemoryArea, page: number, { frame, order }: MappedPage, writable: boolean): number {
    const first = page - page % 2 ** order;
    const end = first + 2 ** order;
    const own = this.#copyOf(area, frame);
    if (own === null) return -ERRNO.ENOMEM;
    return this.#replace(first * PAGE_SIZE_BYTES, end * PAGE_SIZE_BYTES, () => {
      this.#pages.removeAll(first, end);
      this.#pages.putFrame(first, own, writable);
    });
  }

  /** Makes a present page writable: in place, or as a copy where others share it. */
  #allowWrite(area: MemoryArea, page: number, mapped: MappedPage): number {
    if (isBorrowed(area, mapped)) return this.#copy(area, page, mapped, true);
    const first = page - page % 2 ** mapped.order;
    const end = first + 2 ** mapped.order;
    for (let at = first; at < end; at++) {
      const each = this.#pages.get(at)!;
      each.writable = true;
      each.exclusive = true;
    }
    return 0;
  }
}

/** Whether a page is the zero page, or a page of a file that the process only reads. */
function isBorrowed({ kind }: MemoryArea, { frame: { owner } }: MappedPage): boolean {
  return owner === "zero" || owner === "file" && kind !== "shared";
}
