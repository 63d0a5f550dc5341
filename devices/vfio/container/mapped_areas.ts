/** The areas that a process has mapped for devices, in the order of their addresses. */
import type { PinnedRun } from "@dmalab/runtime";

/** A mapped area. Page numbers are exact: 64-bit addresses have 52 bits of them. */
export interface MappedArea {
  /** Number of the area's first page at the device. */
  readonly startPage: number;
  /** Pages of 4 KiB. */
  readonly pages: number;
  /** Number of the first page in the process. The process can name another one with the flag VADDR. */
  virtPage: number;
  /** Its pinned pages, in the order of their addresses. */
  readonly runs: readonly PinnedRun[];
  /** Whether the device may read it. */
  readonly readable: boolean;
  /** Whether the device may write it. */
  readonly writable: boolean;
  /** Pages of the area that count against the process's limit of locked memory. */
  readonly lockedPages: number;
  /** Whether the process took back the address of its memory, and has not given another one yet. */
  isAddressless: boolean;
}

/** Largest number of areas in a block; a full block is split in two. */
const BLOCK_AREAS = 64;

/** Neighbouring areas, and the numbers of their first pages beside each other, for a fast search. */
interface Block {
  readonly starts: number[];
  readonly areas: MappedArea[];
}

/**
 * Areas that do not overlap. Finding, adding and removing one costs a binary search over blocks and
 * one in a block. The place of the last search is kept, because a call searches several times at the
 * same place; so calls hardly slow down with the number of areas.
 */
export class MappedAreas {
  /** Sorted blocks of sorted areas; none is empty, but a single one may be. */
  readonly #blocks: Block[] = [{ starts: [], areas: [] }];
  /** The first page of each block: no area of an earlier block begins at or after it. */
  readonly #firsts: number[] = [-Infinity];
  #count = 0;
  /** The block of the last search, and how many of its areas begin at or before the page. */
  #index = 0;
  #at = 0;

  get count(): number {
    return this.#count;
  }

  *all(): IterableIterator<MappedArea> {
    for (const { areas } of this.#blocks) yield* areas;
  }

  /** Searches for a page; the result is in `#index` and `#at`. */
  #search(page: number): Block {
    const firsts = this.#firsts;
    const kept = this.#index;
    if (!(kept < firsts.length && isAfter(firsts, kept + 1, page))) {
      this.#index = countUpTo(firsts, page) - 1;
    }
    const block = this.#blocks[this.#index]!;
    if (!isAfter(block.starts, this.#at, page)) this.#at = countUpTo(block.starts, page);
    return block;
  }

  /** The area with the lowest address that has a page of a range; null for none. */
  first(startPage: number, pages: number): MappedArea | null {
    const { areas } = this.#search(startPage);
    const [at, index] = [this.#at, this.#index];
    const before = at > 0 ? areas[at - 1] : this.#blocks[index - 1]?.areas.at(-1);
    if (before !== undefined && before.startPage + before.pages > startPage) return before;
    const after = at < areas.length ? areas[at] : this.#blocks[index + 1]?.areas[0];
    return after !== undefined && after.startPage < startPage + pages ? after : null;
  }

  /** Adds an area, which overlaps none. */
  add(area: MappedArea): void {
    const { areas, starts } = this.#search(area.startPage);
    insertAt(starts, this.#at, area.startPage);
    insertAt(areas, this.#at, area);
    this.#count++;
    if (areas.length <= BLOCK_AREAS) return;
    const half = BLOCK_AREAS / 2;
    const upper = { starts: starts.splice(half), areas: areas.splice(half) };
    this.#blocks.splice(this.#index + 1, 0, upper);
    this.#firsts.splice(this.#index + 1, 0, upper.starts[0]!);
  }

  remove({ startPage }: MappedArea): void {
    const { areas, starts } = this.#search(startPage);
    removeAt(starts, this.#at - 1);
    removeAt(areas, this.#at - 1);
    this.#count--;
    if (areas.length > 0 || this.#blocks.length === 1) return;
    this.#blocks.splice(this.#index, 1);
    this.#firsts.splice(this.#index, 1);
    this.#firsts[0] = -Infinity;
  }
}

/** Whether exactly the first `count` of ascending numbers are at most `most`. */
function isAfter(ascending: readonly number[], count: number, most: number): boolean {
  return count <= ascending.length && (count === 0 || ascending[count - 1]! <= most) &&
    (count === ascending.length || ascending[count]! > most);
}

/** Like `splice`, which makes a list of removed items at each call. */
function insertAt<T>(items: T[], at: number, item: T): void {
  items.push(item);
  for (let index = items.length - 1; index > at; index--) items[index] = items[index - 1]!;
  items[at] = item;
}

function removeAt<T>(items: T[], at: number): void {
  for (let index = at + 1; index < items.length; index++) items[index - 1] = items[index]!;
  items.pop();
}

/** How many of ascending numbers are at most `most`. */
function countUpTo(ascending: readonly number[], most: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= most) low = middle + 1;
    else high = middle;
  }
  return low;
}
