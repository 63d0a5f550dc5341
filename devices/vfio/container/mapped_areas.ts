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
const BLOCK_AREAS = 256;

/** Neighbouring areas, and the numbers of their first pages beside each other, for a fast search. */
interface Block {
  readonly starts: number[];
  readonly areas: MappedArea[];
}

/**
 * Areas that do not overlap. Finding, adding and removing one costs a binary search over blocks and
 * one in a block, so that it hardly slows down with the number of areas.
 */
export class MappedAreas {
  /** Sorted blocks of sorted areas; none is empty, but a single one may be. */
  readonly #blocks: Block[] = [{ starts: [], areas: [] }];
  /** The first page of each block: no area of an earlier block begins at or after it. */
  readonly #firsts: number[] = [-Infinity];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  *all(): IterableIterator<MappedArea> {
    for (const { areas } of this.#blocks) yield* areas;
  }

  /** The area with the lowest address that has a page of a range; null for none. */
  first(startPage: number, pages: number): MappedArea | null {
    const index = countUpTo(this.#firsts, startPage) - 1;
    const { areas, starts } = this.#blocks[index]!;
    const at = countUpTo(starts, startPage);
    const before = areas[at - 1] ?? this.#blocks[index - 1]?.areas.at(-1);
    if (before !== undefined && before.startPage + before.pages > startPage) return before;
    const after = areas[at] ?? this.#blocks[index + 1]?.areas[0];
    return after !== undefined && after.startPage < startPage + pages ? after : null;
  }

  /** Adds an area, which overlaps none. */
  add(area: MappedArea): void {
    const index = countUpTo(this.#firsts, area.startPage) - 1;
    const { areas, starts } = this.#blocks[index]!;
    const at = countUpTo(starts, area.startPage);
    starts.splice(at, 0, area.startPage);
    areas.splice(at, 0, area);
    this.#count++;
    if (areas.length <= BLOCK_AREAS) return;
    const half = BLOCK_AREAS / 2;
    const upper = { starts: starts.splice(half), areas: areas.splice(half) };
    this.#blocks.splice(index + 1, 0, upper);
    this.#firsts.splice(index + 1, 0, upper.starts[0]!);
  }

  remove({ startPage }: MappedArea): void {
    const index = countUpTo(this.#firsts, startPage) - 1;
    const { areas, starts } = this.#blocks[index]!;
    const at = countUpTo(starts, startPage) - 1;
    starts.splice(at, 1);
    areas.splice(at, 1);
    this.#count--;
    if (areas.length > 0 || this.#blocks.length === 1) return;
    this.#blocks.splice(index, 1);
    this.#firsts.splice(index, 1);
    this.#firsts[0] = -Infinity;
  }
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
