/** The areas that a process has mapped for devices, in the order of their addresses. */
import { grown, type PinnedRun, zeros } from "@dmalab/runtime";

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
const BLOCK_AREAS = 16;
/** Numbers of an area in `#rows`: its first page, its end, and its place in `#areas`. */
const ROW = 3;
const BLOCK_NUMBERS = BLOCK_AREAS * ROW;

/**
 * Areas that do not overlap. Finding, adding and removing one costs a binary search over blocks and
 * one in a block. The place of the last search is kept, because a call searches several times at the
 * same place.
 *
 * All that a search, an addition and a removal need of a block lies side by side: with many areas most
 * of their time is spent on memory that is in no cache.
 */
export class MappedAreas {
  /** For each block: its areas, ascending. */
  #rows = zeros(Float64Array, BLOCK_NUMBERS);
  /** How many areas each block has. Only a single block may be empty. */
  #sizes = zeros(Int32Array, 1);
  readonly #areas: (MappedArea | null)[] = [];
  readonly #freePlaces: number[] = [];
  readonly #freeBlocks: number[] = [];
  /** The blocks in the order of their addresses. */
  #order = zeros(Int32Array, 1);
  #blocks = 1;
  /** The first page of each block of `#order`: no area of an earlier block begins at or after it. */
  #firsts = zeros(Float64Array, 1).fill(-Infinity);
  #count = 0;
  /** The place in `#order` of the last search, and how many areas of the block begin at or before the page. */
  #index = 0;
  #at = 0;

  get count(): number {
    return this.#count;
  }

  *all(): IterableIterator<MappedArea> {
    for (let index = 0; index < this.#blocks; index++) {
      const block = this.#order[index]!;
      for (let at = 0; at < this.#sizes[block]!; at++) yield this.#areaOf(rowOf(block, at));
    }
  }

  #areaOf(row: number): MappedArea {
    return this.#areas[this.#rows[row + 2]!]!;
  }

  /** Searches for a page; the result is in `#index` and `#at`. @returns The block. */
  #search(page: number): number {
    const firsts = this.#firsts;
    const blocks = this.#blocks;
    const kept = this.#index + 1;
    const isKept = kept <= blocks && firsts[kept - 1]! <= page &&
      (kept === blocks || firsts[kept]! > page);
    if (!isKept) this.#index = blocksUpTo(firsts, blocks, page) - 1;
    const block = this.#order[this.#index]!;
    const size = this.#sizes[block]!;
    const [at, rows] = [this.#at, this.#rows];
    const isAt = at <= size && (at === 0 || rows[rowOf(block, at - 1)]! <= page) &&
      (at === size || rows[rowOf(block, at)]! > page);
    if (!isAt) this.#at = areasUpTo(rows, block, size, page);
    return block;
  }

  /** The area with the lowest address that has a page of a range; null for none. */
  first(startPage: number, pages: number): MappedArea | null {
    const block = this.#search(startPage);
    const rows = this.#rows;
    const [at, index] = [this.#at, this.#index];
    if (at > 0) {
      const row = rowOf(block, at - 1);
      if (rows[row + 1]! > startPage) return this.#areaOf(row);
    } else if (index > 0) {
      const before = this.#order[index - 1]!;
      const row = rowOf(before, this.#sizes[before]! - 1);
      if (rows[row + 1]! > startPage) return this.#areaOf(row);
    }
    let row = rowOf(block, at);
    if (at === this.#sizes[block]!) {
      if (index + 1 === this.#blocks) return null;
      row = rowOf(this.#order[index + 1]!, 0);
    }
    return rows[row]! < startPage + pages ? this.#areaOf(row) : null;
  }

  /** Adds an area, which overlaps none. */
  add(area: MappedArea): void {
    const { pages, startPage } = area;
    let block = this.#search(startPage);
    if (this.#sizes[block] === BLOCK_AREAS) {
      this.#split(block);
      block = this.#search(startPage);
    }
    const place = this.#freePlaces.pop() ?? this.#areas.length;
    this.#areas[place] = area;
    const rows = this.#rows;
    const row = rowOf(block, this.#at);
    // A loop: `copyWithin` costs more for so few numbers.
    for (let to = rowOf(block, this.#sizes[block]!) + ROW - 1; to >= row + ROW; to--) {
      rows[to] = rows[to - ROW]!;
    }
    rows[row] = startPage;
    rows[row + 1] = startPage + pages;
    rows[row + 2] = place;
    this.#sizes[block]!++;
    this.#count++;
  }

  remove({ startPage }: MappedArea): void {
    const block = this.#search(startPage);
    const rows = this.#rows;
    const row = rowOf(block, this.#at - 1);
    const place = rows[row + 2]!;
    this.#areas[place] = null;
    this.#freePlaces.push(place);
    const size = --this.#sizes[block]!;
    for (let to = row; to < rowOf(block, size); to++) rows[to] = rows[to + ROW]!;
    this.#count--;
    if (size === 0 && this.#blocks > 1) this.#drop(block);
  }

  /** Removes an empty block, in which the last search ended. */
  #drop(block: number): void {
    this.#freeBlocks.push(block);
    this.#order.copyWithin(this.#index, this.#index + 1, this.#blocks);
    this.#firsts.copyWithin(this.#index, this.#index + 1, this.#blocks);
    this.#blocks--;
    this.#firsts[0] = -Infinity;
  }

  /**
   * Moves half of a full block into a new block. Areas that are added one behind the other fill their
   * blocks: nothing is moved when the last search ended behind all areas.
   */
  #split(block: number): void {
    const isLast = this.#index === this.#blocks - 1 && this.#at === BLOCK_AREAS;
    const left = isLast ? BLOCK_AREAS : BLOCK_AREAS >> 1;
    const upper = this.#newBlock();
    const rows = this.#rows;
    rows.copyWithin(rowOf(upper, 0), rowOf(block, left), rowOf(block, BLOCK_AREAS));
    this.#sizes[block] = left;
    this.#sizes[upper] = BLOCK_AREAS - left;
    const index = this.#index + 1;
    this.#order.copyWithin(index + 1, index, this.#blocks);
    this.#firsts.copyWithin(index + 1, index, this.#blocks);
    this.#order[index] = upper;
    this.#blocks++;
    // An empty block begins behind the last page of the block before it.
    this.#firsts[index] = isLast
      ? rows[rowOf(block, BLOCK_AREAS - 1) + 1]!
      : rows[rowOf(upper, 0)]!;
  }

  #newBlock(): number {
    const free = this.#freeBlocks.pop();
    if (free !== undefined) return free;
    const blocks = this.#blocks;
    if (blocks === this.#order.length) {
      this.#rows = grown(this.#rows, zeros(Float64Array, 2 * blocks * BLOCK_NUMBERS));
      this.#sizes = grown(this.#sizes, zeros(Int32Array, 2 * blocks));
      this.#order = grown(this.#order, zeros(Int32Array, 2 * blocks));
      this.#firsts = grown(this.#firsts, zeros(Float64Array, 2 * blocks));
    }
    return blocks;
  }
}

/** Where the numbers of an area of a block begin. */
function rowOf(block: number, at: number): number {
  return block * BLOCK_NUMBERS + at * ROW;
}

/** How many blocks begin at or before a page. */
function blocksUpTo(firsts: Float64Array, blocks: number, page: number): number {
  let low = 0;
  let high = blocks;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (firsts[middle]! <= page) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many areas of a block begin at or before a page. */
function areasUpTo(rows: Float64Array, block: number, size: number, page: number): number {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[rowOf(block, middle)]! <= page) low = middle + 1;
    else high = middle;
  }
  return low;
}
