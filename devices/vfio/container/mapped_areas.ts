/** The areas that a process has mapped for devices, in the order of their addresses. */
import { grown, invariant, type PinnedRun, zeros } from "@dmalab/runtime";

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
/**
 * The numbers of a block in `#cells`: how many areas it has; its base, a page, in two parts; then of each
 * area where it begins and ends, counted from the base, and its place in `#areas`.
 */
const BASE_HIGH = 1;
const BASE_LOW = 2;
const STARTS = 3;
/** From the cell where an area begins to the cell where it ends, and to its place. */
const TO_END = BLOCK_AREAS;
const TO_PLACE = 2 * BLOCK_AREAS;
const BLOCK_CELLS = STARTS + 3 * BLOCK_AREAS;
const BASE_UNIT = 2 ** 31;
/** An area begins fewer pages behind the base. An end that is stored so is there or farther. */
const FAR = BASE_UNIT - 1;
/** Numbers of a block in `#heads`: the first page that it may have, and where it is in `#cells`. */
const HEAD = 2;
/** A search estimates the block this often before it halves what is left. */
const ESTIMATES = 3;
/** Fewer blocks are searched without an estimate. */
const FEW_BLOCKS = 4;

/**
 * Areas that do not overlap. They are in blocks, which are in the order of their addresses. The areas of a
 * block are in no order, so that adding or removing one moves at most one other.
 *
 * With many areas most of a call's time is spent on memory that is in no cache. Therefore a search reads
 * few bytes, which lie side by side, and no area but the one that it finds. The place of the last
 * search is kept, because a call searches several times at the same place.
 */
export class MappedAreas {
  /** The blocks. Only the first one may be empty. */
  #cells = zeros(Int32Array, BLOCK_CELLS);
  /** The blocks in order. All pages of a block's areas lie from its first page on, and before the next one's. */
  #heads = zeros(Float64Array, HEAD);
  #blocks = 1;
  readonly #areas: (MappedArea | null)[] = [];
  readonly #freePlaces: number[] = [];
  readonly #freeBlocks: number[] = [];
  /** Blocks that were ever used. */
  #usedBlocks = 1;
  #count = 0;
  /** The place in `#heads` of the last search. */
  #index = 0;
  /** The cell of the area that was found or added last; it may have become another's or nobody's. */
  #cell = STARTS;

  get count(): number {
    return this.#count;
  }

  *all(): IterableIterator<MappedArea> {
    for (let index = 0; index < this.#blocks; index++) {
      const block = this.#heads[index * HEAD + 1]!;
      this.#sort(block);
      const end = this.#endOf(block);
      for (let cell = block + STARTS; cell < end; cell++) yield this.#areaOf(cell);
    }
  }

  #areaOf(cell: number): MappedArea {
    return this.#areas[this.#cells[cell + TO_PLACE]!]!;
  }

  /** The cell behind the last area of a block. */
  #endOf(block: number): number {
    return block + STARTS + this.#cells[block]!;
  }

  /** Pages from a block's base to a page: from -1, which is any page before the base, to `FAR`. */
  #fromBase(block: number, page: number): number {
    const base = this.#cells[block + BASE_HIGH]! * BASE_UNIT + this.#cells[block + BASE_LOW]!;
    return Math.max(-1, Math.min(page - base, FAR));
  }

  /** Searches for a page; the result is in `#index`. @returns The block. */
  #search(page: number): number {
    const heads = this.#heads;
    const head = this.#index * HEAD;
    const isKept = heads[head]! <= page &&
      (this.#index + 1 === this.#blocks || heads[head + HEAD]! > page);
    if (isKept) return heads[head + 1]!;
    this.#index = blocksUpTo(heads, this.#blocks, page) - 1;
    return heads[this.#index * HEAD + 1]!;
  }

  /** The area with the lowest address that has a page of a range; null for none. */
  first(startPage: number, pages: number): MappedArea | null {
    const block = this.#search(startPage);
    if (this.#isAt(block, startPage)) return this.#areaOf(this.#cell);
    const endPage = startPage + pages;
    let cell = this.#firstOf(block, startPage, endPage);
    const next = (this.#index + 1) * HEAD;
    if (cell < 0 && this.#index + 1 < this.#blocks && this.#heads[next]! < endPage) {
      cell = this.#firstOf(this.#heads[next + 1]!, startPage, endPage);
    }
    if (cell < 0) return null;
    this.#cell = cell;
    return this.#areaOf(cell);
  }

  /** The cell of a block's area with the lowest address that has a page of a range; -1 for none. */
  #firstOf(block: number, startPage: number, endPage: number): number {
    const cells = this.#cells;
    const start = this.#fromBase(block, startPage);
    const end = this.#fromBase(block, endPage);
    const endCell = this.#endOf(block);
    let before = -1;
    let found = -1;
    for (let cell = block + STARTS; cell < endCell; cell++) {
      const at = cells[cell]!;
      if (at <= start) {
        if (before < 0 || at > cells[before]!) before = cell;
      } else if (at < end && (found < 0 || at < cells[found]!)) found = cell;
    }
    return before >= 0 && this.#endsBehind(before, start, startPage) ? before : found;
  }

  /** Whether an area has pages from a page on; it begins there or before. */
  #endsBehind(cell: number, fromBase: number, page: number): boolean {
    const end = this.#cells[cell + TO_END]!;
    if (end < FAR) return end > fromBase;
    const { pages, startPage } = this.#areaOf(cell);
    return startPage + pages > page;
  }

  /** Whether the area that was found or added last is in a block, and begins at a page. */
  #isAt(block: number, startPage: number): boolean {
    const cell = this.#cell;
    return cell >= block + STARTS && cell < this.#endOf(block) &&
      this.#cells[cell] === this.#fromBase(block, startPage);
  }

  /** Adds an area, which overlaps none. */
  add(area: MappedArea): void {
    const { pages, startPage } = area;
    let block = this.#search(startPage);
    if (this.#cells[block] === BLOCK_AREAS || this.#fromBase(block, startPage) === FAR) {
      this.#split(block, startPage);
      block = this.#search(startPage);
    }
    invariant(this.#cells[block]! < BLOCK_AREAS, "A block of areas is full after it was split");
    const place = this.#freePlaces.pop() ?? this.#areas.length;
    this.#areas[place] = area;
    this.#cell = this.#endOf(block);
    this.#append(block, place);
    const end = startPage + pages;
    const next = (this.#index + 1) * HEAD;
    // The next block has no areas before this one's end.
    if (this.#index + 1 < this.#blocks && this.#heads[next]! < end) this.#heads[next] = end;
    this.#count++;
  }

  /** Writes the cells of an area behind those of a block. @param place Its place in `#areas`. */
  #append(block: number, place: number): void {
    const cells = this.#cells;
    const { pages, startPage } = this.#areas[place]!;
    const cell = this.#endOf(block);
    cells[cell] = this.#fromBase(block, startPage);
    cells[cell + TO_END] = this.#fromBase(block, startPage + pages);
    cells[cell + TO_PLACE] = place;
    cells[block]!++;
  }

  remove({ startPage }: MappedArea): void {
    const block = this.#search(startPage);
    const cells = this.#cells;
    const cell = this.#isAt(block, startPage)
      ? this.#cell
      : this.#firstOf(block, startPage, startPage + 1);
    invariant(cell >= 0, "An area is removed that was not added");
    const place = cells[cell + TO_PLACE]!;
    this.#areas[place] = null;
    this.#freePlaces.push(place);
    const last = this.#endOf(block) - 1;
    for (let part = 0; part <= TO_PLACE; part += TO_END) cells[cell + part] = cells[last + part]!;
    cells[block]!--;
    this.#count--;
    if (cells[block] === 0 && this.#index > 0) this.#drop(block);
  }

  /** Removes an empty block, in which the last search ended: its pages are those of the block before it. */
  #drop(block: number): void {
    this.#freeBlocks.push(block);
    const head = this.#index * HEAD;
    this.#heads.copyWithin(head, head + HEAD, this.#blocks * HEAD);
    this.#blocks--;
    this.#index--;
  }

  /** Brings the areas of a block into the order of their addresses. */
  #sort(block: number): void {
    const cells = this.#cells;
    const first = block + STARTS;
    const end = this.#endOf(block);
    for (let next = first + 1; next < end; next++) {
      for (let cell = next; cell > first && cells[cell]! < cells[cell - 1]!; cell--) {
        for (let part = cell; part <= cell + TO_PLACE; part += TO_END) {
          const number = cells[part]!;
          cells[part] = cells[part - 1]!;
          cells[part - 1] = number;
        }
      }
    }
  }

  /**
   * Makes room for an area in the block where the last search ended, by a new block behind it, which gets
   * the upper half of its areas. Areas that are added one behind the other fill their blocks: nothing is
   * moved for one behind all others, and nothing for one far behind the block's base.
   */
  #split(block: number, startPage: number): void {
    this.#sort(block);
    const size = this.#cells[block]!;
    const last = this.#endOf(block) - 1;
    const fromBase = this.#fromBase(block, startPage);
    const isLast = this.#index === this.#blocks - 1 && this.#cells[last]! < fromBase;
    const left = fromBase === FAR || isLast ? size : BLOCK_AREAS >> 1;
    const firstMoved = block + STARTS + left;
    const base = left === size ? startPage : this.#areaOf(firstMoved).startPage;
    const upper = this.#newBlock();
    const cells = this.#cells;
    cells[upper] = 0;
    cells[upper + BASE_HIGH] = Math.floor(base / BASE_UNIT);
    cells[upper + BASE_LOW] = base % BASE_UNIT;
    for (let cell = firstMoved; cell <= last; cell++) this.#append(upper, cells[cell + TO_PLACE]!);
    cells[block] = left;
    const head = (this.#index + 1) * HEAD;
    this.#heads.copyWithin(head + HEAD, head, this.#blocks * HEAD);
    this.#heads[head] = base;
    this.#heads[head + 1] = upper;
    this.#blocks++;
  }

  /** @returns Where an unused block begins. */
  #newBlock(): number {
    const free = this.#freeBlocks.pop();
    if (free !== undefined) return free;
    const block = this.#usedBlocks++ * BLOCK_CELLS;
    if (block === this.#cells.length) {
      this.#cells = grown(this.#cells, zeros(Int32Array, 2 * block));
      this.#heads = grown(this.#heads, zeros(Float64Array, 2 * this.#heads.length));
    }
    return block;
  }
}

/**
 * How many blocks begin at or before a page. Areas often lie at like distances: then the first estimates
 * meet the block, and few of the heads are read.
 */
function blocksUpTo(heads: Float64Array, blocks: number, page: number): number {
  // The first block begins at or before any page.
  let low = 1;
  let high = blocks;
  for (let estimates = 0; estimates < ESTIMATES && high - low > FEW_BLOCKS; estimates++) {
    const from = heads[low * HEAD]!;
    if (page < from) return low;
    const to = heads[(high - 1) * HEAD]!;
    if (page >= to) return high;
    const guess = low + Math.floor((page - from) / (to - from) * (high - 1 - low));
    if (heads[guess * HEAD]! <= page) {
      low = guess + 1;
      if (heads[low * HEAD]! > page) return low;
    } else {
      high = guess;
      if (heads[(high - 1) * HEAD]! <= page) return high;
    }
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if (heads[middle * HEAD]! <= page) low = middle + 1;
    else high = middle;
  }
  return low;
}
