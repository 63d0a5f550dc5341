/** The areas of a process: which addresses it may use, and for what. */
import type { VirtAddr } from "../address.ts";
import type { PageFrame } from "./page_frame.ts";

/** The permissions of an area. */
export type Access = "none" | "read" | "write";

/** The contents of an area. */
export type AreaKind =
  /** Memory of the process alone: zero until it is written. */
  | "anonymous"
  /** Memory that processes share, or a file that is written through. */
  | "shared"
  /** A file with pages that are copied when the process writes them. */
  | "private_file"
  /** Memory of a device, which the kernel does not manage as pages. */
  | "bar";

/** The memory behind a shared area, by the number of each page. */
export type FilePages = Map<number, PageFrame>;

/** An area: addresses that the process may use. */
export interface MemoryArea {
  readonly start: VirtAddr;
  /** The first address after the area. */
  readonly end: VirtAddr;
  readonly access: Access;
  /** Pages are faulted in as blocks of 2^order pages. */
  readonly order: number;
  readonly kind: AreaKind;
  readonly file: FilePages | null;
  /**
   * The number of a page in the file minus the page number of its address. It is not 0 if the area
   * was moved.
   */
  readonly fileShiftPages: number;
  /** Whether the area has, or had, private pages of the process, which a fork must visit. */
  ownsPages: boolean;
}

/** The number of a page in its file, computed from the page number of the page's address. */
export function filePageOf({ fileShiftPages }: MemoryArea, page: number): number {
  return page + fileShiftPages;
}

export class ProcessAreas {
  #areas: MemoryArea[] = [];

  /** All areas, in the order of their addresses. */
  get all(): readonly MemoryArea[] {
    return this.#areas;
  }

  /** The area that holds an address, or null. */
  at(virt: number): MemoryArea | null {
    return this.#areas.find(({ end, start }) => virt >= start && virt < end) ?? null;
  }

  between(start: number, end: number): readonly MemoryArea[] {
    return this.#areas.filter((area) => area.start < end && area.end > start);
  }

  /** The first start of an area at or after an address; infinite without one. */
  nextStart(virt: number): number {
    return this.#areas.find(({ start }) => start >= virt)?.start ?? Infinity;
  }

  add(area: MemoryArea): void {
    this.#areas.push(area);
    this.#areas.sort((a, b) => a.start - b.start);
  }

  /**
   * Splits an area at an address, if the area contains the address.
   * @returns The area as it was before; null if the address is at the start of an area or in no
   *   area.
   */
  cutAt(virt: VirtAddr): MemoryArea | null {
    const area = this.at(virt);
    if (area === null || area.start === virt) return null;
    this.#areas = this.#areas.filter((each) => each !== area);
    this.add({ ...area, end: virt });
    this.add({ ...area, start: virt });
    return area;
  }

  /** Removes the areas between two addresses; the caller has split them there. */
  removeBetween(start: number, end: number): void {
    this.#areas = this.#areas.filter((area) => area.start < start || area.end > end);
  }

  replace(area: MemoryArea, by: MemoryArea): void {
    this.#areas = this.#areas.map((each) => each === area ? by : each);
  }

  /** Joins adjacent areas with the same properties. */
  join(): void {
    const joined: MemoryArea[] = [];
    for (const area of this.#areas) {
      const last = joined.at(-1);
      const alike = last !== undefined && last.end === area.start && last.kind === area.kind &&
        last.access === area.access && last.order === area.order && last.file === area.file &&
        last.fileShiftPages === area.fileShiftPages;
      if (alike) {
        const ownsPages = last.ownsPages || area.ownsPages;
        joined[joined.length - 1] = { ...last, end: area.end, ownsPages };
      } else joined.push(area);
    }
    this.#areas = joined;
  }

  clear(): void {
    this.#areas = [];
  }
}
