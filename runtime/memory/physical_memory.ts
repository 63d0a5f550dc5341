/**
 * Physical memory: RAM and the memory behind MMIO windows, sparse, zero until written.
 *
 * A page is created by the first write to it, except by a fill with 0 or a copy of untouched
 * memory; an untouched page reads as zero without being created. An access is two array loads and a
 * copy. A directory entry covers 4 MiB and contains the pages themselves. Therefore accesses to
 * whole pages, which are nearly all accesses, need no view and leave no garbage (`nvme.read4k`).
 * Only addresses above 64 GiB, such as large BARs, use a `Map`.
 */
import {
  type Bytes,
  foldedHigh,
  GIB,
  KIB,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  physAddr,
  realHigh,
} from "../address.ts";
import { InvariantError } from "../errno.ts";
import { HostBudget } from "../host_budget.ts";
import type { MemoryKind, MemoryRange } from "./layout.ts";

const LEAF_BYTES = 4 * MIB;
const LEAF_PAGES = LEAF_BYTES / PAGE_SIZE_BYTES;
const PAGE_SHIFT = 12;
const PAGE_MASK = PAGE_SIZE_BYTES - 1;
const WORD_BYTES = 4;
const WORD_MASK = WORD_BYTES - 1;
const PAGE_DOUBLES = PAGE_SIZE_BYTES / 8;
const LEAF_PAGE_MASK = LEAF_PAGES - 1;
/** Leaves below this are found by array index, the others in a `Map`. */
const INDEXED_LEAVES = 64 * GIB / LEAF_BYTES;
/**
 * Pages are cut from slabs, because a separate ArrayBuffer for each page would cost more than the
 * page. The first slab is small, and each slab is twice as large as the one before, because many
 * machines write to a few pages only (`hunt.cases`).
 */
const FIRST_SLAB_BYTES = 16 * KIB;
const MAX_SLAB_BYTES = 256 * KIB;
/** Units of work that copying or filling a page costs. */
const PAGE_UNITS = 8;

/**
 * The bytes of one page. For content that consists of wider units, there are views of the same
 * memory in these units: words for queue entries, doubles for a disk's content. The views are
 * created at their first use. The content of a fresh disk, a series of doubles, is generated at the
 * first read of the page: this makes `nvme.read4k` faster, and `nvme.read4k.looked` pays for the
 * generation. Typed arrays have the host's byte order, which is little-endian on every supported
 * host.
 */
export class MemoryPage {
  readonly #bytes: Uint8Array;
  #words: Int32Array | null = null;
  #doubles: Float64Array | null = null;
  /** The page's content is a series of doubles that has not been generated yet. */
  #pending = false;
  #first = 0;
  #step = 0;

  /** @param shared Other code reads the bytes, too, so a series is always generated at once. */
  constructor(bytes: Uint8Array, readonly shared = false) {
    this.#bytes = bytes;
  }

  /**
   * Do not keep the array: when the page gets new content, that content may be generated only at
   * the next call of this getter.
   */
  get bytes(): Uint8Array {
    if (this.#pending) this.#make();
    return this.#bytes;
  }

  /** The page as 1024 words of 32 bits, not to be kept. */
  get words(): Int32Array {
    if (this.#pending) this.#make();
    return this.#words ?? this.#viewWords();
  }

  /** The page as 512 words of 64 bits, not to be kept. */
  get doubles(): Float64Array {
    if (this.#pending) this.#make();
    return this.#doubles ??= this.#viewDoubles();
  }

  /** Fills the page with the doubles `first`, `first + step` …, generated at the first read. */
  fillSeries(first: number, step: number): void {
    this.#first = first;
    this.#step = step;
    this.#pending = true;
    if (this.shared) this.#make();
  }

  #make(): void {
    this.#pending = false;
    fillSeries(this.#doubles ??= this.#viewDoubles(), this.#first, this.#step);
  }

  /**
   * Separate from the getter, because the getter is called for every word and must be small enough
   * to be inlined.
   */
  #viewWords(): Int32Array {
    const { buffer, byteOffset } = this.#bytes;
    return this.#words = new Int32Array(buffer, byteOffset, PAGE_SIZE_BYTES / WORD_BYTES);
  }

  #viewDoubles(): Float64Array {
    const { buffer, byteOffset } = this.#bytes;
    return new Float64Array(buffer, byteOffset, PAGE_DOUBLES);
  }
}

/**
 * Fills a page with doubles: `base`, `base + unit` … Four running sums hide the latency of additions,
 * and the fixed bounds let the compiler drop its checks. Other forms of this loop take two to five
 * times longer (`nvme.read4k.looked`).
 */
export function fillSeries(words: Float64Array, base: number, unit: number): void {
  let first = base;
  let second = base + unit;
  let third = base + 2 * unit;
  let fourth = base + 3 * unit;
  const step = 4 * unit;
  for (let index = 0; index < PAGE_DOUBLES; index += 4) {
    words[index] = first;
    words[index + 1] = second;
    words[index + 2] = third;
    words[index + 3] = fourth;
    first += step;
    second += step;
    third += step;
    fourth += step;
  }
}

/** Represents every page that was never written. Never written itself. */
const ZERO_PAGE = new MemoryPage(new Uint8Array(PAGE_SIZE_BYTES));

type Leaf = MemoryPage[];

/** The name of the writer while bytes are copied into or out of a bounce buffer. */
export const BOUNCE_COPY = "bounce copy";

/** The memory of a machine. Memory that was never written is zero. */
export class PhysicalMemory {
  /**
   * The account that existing pages are charged to.
   * @internal
   */
  readonly budget: HostBudget = new HostBudget();
  /**
   * Called when bytes have been written.
   * @internal
   */
  onWrite: ((phys: number, sizeBytes: Bytes) => void) | null = null;
  /**
   * The name of the device that writes, or {@linkcode BOUNCE_COPY}; null for a CPU.
   * @internal
   */
  writer: string | null = null;
  readonly #leaves: (Leaf | undefined)[] = [];
  readonly #farLeaves = new Map<number, Leaf>();
  #slab = new ArrayBuffer(0);
  #slabUsedBytes = 0;
  /**
   * The range found last, and its ends: consecutive accesses usually hit the same one
   * (`nvme.read4k`).
   */
  #lastRange: MemoryRange | null = null;
  #lastStart = 0;
  #lastEnd = 0;

  /**
   * @param ranges The layout as built; see `layOutMemory`. Ascending, without overlaps.
   * @internal
   */
  constructor(readonly ranges: readonly MemoryRange[]) {}

  /** The kind of memory at an address. */
  kindAt(phys: number): MemoryKind {
    return this.rangeAt(phys)?.type ?? "none";
  }

  /**
   * The range that holds an address, or null.
   * @internal
   */
  rangeAt(phys: number): MemoryRange | null {
    if (phys >= this.#lastStart && phys < this.#lastEnd) return this.#lastRange;
    for (const range of this.ranges) {
      if (phys >= range.basePhys && phys < range.basePhys + range.sizeBytes) {
        this.#lastRange = range;
        this.#lastStart = range.basePhys;
        this.#lastEnd = range.basePhys + range.sizeBytes;
        return range;
      }
    }
    return null;
  }

  /** True when all of `sizeBytes` bytes from `phys` on are in RAM or a window. */
  covers(phys: number, sizeBytes: Bytes): boolean {
    let at = phys;
    const end = phys + sizeBytes;
    if (at >= this.#lastStart && end <= this.#lastEnd) return true;
    while (at < end) {
      const range = this.rangeAt(at);
      if (range === null) return false;
      at = range.basePhys + range.sizeBytes;
    }
    return true;
  }

  /**
   * Reads `sizeBytes` bytes into the array `into`, from the array's index `offset` on. Memory that
   * was never written is zero.
   */
  read(phys: PhysAddr, into: Uint8Array, offset: number, sizeBytes: Bytes): void {
    const first = phys & PAGE_MASK;
    if (first + sizeBytes <= PAGE_SIZE_BYTES) {
      copyBytes(this.#pageForReading(phys).bytes, first, into, offset, sizeBytes);
    } else this.#readPages(phys, into, offset, sizeBytes);
  }

  #readPages(phys: PhysAddr, into: Uint8Array, offset: number, sizeBytes: Bytes): void {
    let at: number = phys;
    let target = offset;
    let rest = sizeBytes;
    while (rest > 0) {
      this.budget.work(PAGE_UNITS);
      const page = this.#pageForReading(at).bytes;
      const start = at & PAGE_MASK;
      const count = Math.min(rest, PAGE_SIZE_BYTES - start);
      copyBytes(page, start, into, target, count);
      at += count;
      target += count;
      rest -= count;
    }
  }

  /**
   * Writes `sizeBytes` bytes of `from`, starting at `from[offset]`.
   * @throws {MemoryLimitError} When a new page would exceed the limit; earlier pages stay written.
   */
  write(phys: PhysAddr, from: Uint8Array, offset: number, sizeBytes: Bytes): void {
    const first = phys & PAGE_MASK;
    if (first + sizeBytes <= PAGE_SIZE_BYTES) {
      // A write of 0 bytes creates no page.
      if (sizeBytes > 0) copyBytes(from, offset, this.pageForWriting(phys).bytes, first, sizeBytes);
    } else this.#writePages(phys, from, offset, sizeBytes);
    this.onWrite?.(phys, sizeBytes);
  }

  #writePages(phys: PhysAddr, from: Uint8Array, offset: number, sizeBytes: Bytes): void {
    let at: number = phys;
    let source = offset;
    let rest = sizeBytes;
    while (rest > 0) {
      this.budget.work(PAGE_UNITS);
      const page = this.pageForWriting(at).bytes;
      const start = at & PAGE_MASK;
      const count = Math.min(rest, PAGE_SIZE_BYTES - start);
      copyBytes(from, source, page, start, count);
      at += count;
      source += count;
      rest -= count;
    }
  }

  /**
   * Copies between two places that do not overlap. Copying untouched memory onto untouched memory
   * creates no page.
   */
  copy(from: PhysAddr, to: PhysAddr, sizeBytes: Bytes): void {
    let source: number = from;
    let target: number = to;
    let rest = sizeBytes;
    while (rest > 0) {
      this.budget.work(PAGE_UNITS);
      const sourceStart = source & PAGE_MASK;
      const targetStart = target & PAGE_MASK;
      const count = Math.min(rest, PAGE_SIZE_BYTES - sourceStart, PAGE_SIZE_BYTES - targetStart);
      const sourcePage = this.#pageForReading(source);
      if (sourcePage !== ZERO_PAGE || this.#pageForReading(target) !== ZERO_PAGE) {
        const { bytes } = this.pageForWriting(target);
        copyBytes(sourcePage.bytes, sourceStart, bytes, targetStart, count);
      }
      source += count;
      target += count;
      rest -= count;
    }
    this.onWrite?.(to, sizeBytes);
  }

  /** Sets every byte of a span. Filling with 0 creates no page. */
  fill(phys: PhysAddr, sizeBytes: Bytes, byte: number): void {
    let at: number = phys;
    let rest = sizeBytes;
    while (rest > 0) {
      this.budget.work(PAGE_UNITS);
      const start = at & PAGE_MASK;
      const count = Math.min(rest, PAGE_SIZE_BYTES - start);
      if (byte !== 0 || this.#pageForReading(at) !== ZERO_PAGE) {
        this.pageForWriting(at).bytes.fill(byte, start, start + count);
      }
      at += count;
      rest -= count;
    }
    this.onWrite?.(phys, sizeBytes);
  }

  /** Reads a little-endian 32-bit number at any alignment. */
  readU32(phys: PhysAddr): number {
    if ((phys & WORD_MASK) === 0) {
      return this.#pageForReading(phys).words[(phys & PAGE_MASK) >> 2]! >>> 0;
    }
    let value = 0;
    for (let index = 3; index >= 0; index--) {
      const at = phys + index;
      value = value * 256 + this.#pageForReading(at).bytes[at & PAGE_MASK]!;
    }
    return value;
  }

  /** Writes a little-endian 32-bit number (its low 32 bits) at any alignment. */
  writeU32(phys: PhysAddr, value: number): void {
    if ((phys & WORD_MASK) === 0) {
      this.pageForWriting(phys).words[(phys & PAGE_MASK) >> 2] = value;
    } else {
      for (let index = 0; index < 4; index++) {
        const at = phys + index;
        this.pageForWriting(at).bytes[at & PAGE_MASK] = value >>> (8 * index);
      }
    }
    this.onWrite?.(phys, WORD_BYTES);
  }

  /**
   * Reads 32-bit words that lie in one page, such as a queue's entry. This takes a quarter of the
   * steps that reading bytes takes, and needs no view (`nvme.read4k`).
   *
   * @param phys A multiple of 4.
   * @param into Receives the words; its length is the number of words to read.
   * @internal
   */
  readWords(phys: PhysAddr, into: Int32Array): void {
    const { words } = this.#pageForReading(phys);
    const first = (phys & PAGE_MASK) >> 2;
    for (let index = 0; index < into.length; index++) into[index] = words[first + index]!;
  }

  /**
   * Writes 32-bit words that lie in one page; `phys` is a multiple of 4.
   * @internal
   */
  writeWords(phys: PhysAddr, from: Int32Array): void {
    const { words } = this.pageForWriting(phys);
    const first = (phys & PAGE_MASK) >> 2;
    for (let index = 0; index < from.length; index++) words[first + index] = from[index]!;
    this.onWrite?.(phys, from.byteLength);
  }

  /**
   * Reads 64 bits as `[low half, high half]`, for values that may exceed the largest exact number.
   */
  readU64Parts(phys: PhysAddr): readonly [low: number, high: number] {
    return [this.readU32(phys), this.readU32((phys + 4) as PhysAddr)];
  }

  /**
   * Reads a little-endian 64-bit number, such as an address.
   * @throws {RangeError} When no JavaScript number can represent it; use `readU64Parts` if that can
   *   happen.
   */
  readU64(phys: PhysAddr): number {
    const high = foldedHigh(this.readU32((phys + 4) as PhysAddr));
    if (high >= 2 ** 21) {
      throw new RangeError(`Cannot read 64 bits at ${phys} as a number: none stands for them`);
    }
    return high * 2 ** 32 + this.readU32(phys);
  }

  /** Writes a number below 2^53 as its little-endian 64 bits. */
  writeU64(phys: PhysAddr, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new InvariantError(`Cannot write ${value} as 64 bits`);
    }
    // `writeU32` stores the low 32 bits.
    this.writeU32(phys, value);
    this.writeU32((phys + 4) as PhysAddr, realHigh(Math.floor(value / 2 ** 32)));
  }

  /**
   * Calls back with every page that was ever written, in the order of their addresses.
   * @internal
   */
  forEachPage(visit: (phys: PhysAddr, bytes: Uint8Array) => void): void {
    // A plain loop for speed: a race compares the memory of all orders of its blocks
    // (`race.orders`).
    const visitLeaf = (leaf: Leaf | undefined, index: number) => {
      if (leaf === undefined) return;
      for (let at = 0; at < LEAF_PAGES; at++) {
        const page = leaf[at]!;
        if (page === ZERO_PAGE) continue;
        visit(index * LEAF_BYTES + at * PAGE_SIZE_BYTES as PhysAddr, page.bytes);
      }
    };
    this.#leaves.forEach(visitLeaf);
    const far = [...this.#farLeaves].sort(([a], [b]) => a - b);
    for (const [index, leaf] of far) visitLeaf(leaf, index);
  }

  #leafAt(index: number): Leaf | undefined {
    return index < INDEXED_LEAVES ? this.#leaves[index] : this.#farLeaves.get(index);
  }

  #pageForReading(phys: number): MemoryPage {
    const leaf = this.#leafAt(leafIndex(phys));
    return leaf === undefined ? ZERO_PAGE : leaf[phys >>> PAGE_SHIFT & LEAF_PAGE_MASK]!;
  }

  /**
   * The page that contains an address, created if necessary. A caller that changes the page's bytes
   * writes memory, so it must call `onWrite`.
   * @throws {MemoryLimitError} When the page would exceed the limit.
   * @internal
   */
  pageForWriting(phys: number): MemoryPage {
    const page = this.#pageForReading(phys);
    return page === ZERO_PAGE ? this.#makePage(phys) : page;
  }

  /**
   * Moves a page of RAM, with its contents, into the caller's array, which compiled code shares.
   * Views of the page from before the call no longer show memory.
   *
   * @param phys Address of the page's first byte.
   * @param bytes As long as a page, zeroed, and aligned for doubles.
   * @throws {MemoryLimitError} When the page would exceed the limit.
   * @internal
   */
  adopt(phys: PhysAddr, bytes: Uint8Array): void {
    const page = this.#pageForReading(phys);
    // Zeros are not copied: copying would make the host allocate memory for each page that a driver
    // could touch.
    if (page === ZERO_PAGE) this.#holdPage(phys);
    else bytes.set(page.bytes);
    this.#leafFor(phys)[phys >>> PAGE_SHIFT & LEAF_PAGE_MASK] = new MemoryPage(bytes, true);
  }

  /** Charges for a page. @throws {MemoryLimitError} */
  #holdPage(phys: number): void {
    if (this.kindAt(phys) === "none") {
      throw new InvariantError(
        `Cannot write at 0x${physAddr(phys).toString(16)}: there is no memory`,
      );
    }
    this.budget.hold(PAGE_SIZE_BYTES);
  }

  /** The leaf of a page, created if need be. */
  #leafFor(phys: number): Leaf {
    const index = leafIndex(phys);
    let leaf = this.#leafAt(index);
    if (leaf === undefined) {
      leaf = new Array<MemoryPage>(LEAF_PAGES).fill(ZERO_PAGE);
      if (index < INDEXED_LEAVES) {
        while (this.#leaves.length <= index) this.#leaves.push(undefined);
        this.#leaves[index] = leaf;
      } else {
        this.#farLeaves.set(index, leaf);
      }
    }
    return leaf;
  }

  #makePage(phys: number): MemoryPage {
    this.#holdPage(phys);
    if (this.#slabUsedBytes === this.#slab.byteLength) {
      const doubled = Math.min(2 * this.#slab.byteLength, MAX_SLAB_BYTES);
      this.#slab = new ArrayBuffer(Math.max(FIRST_SLAB_BYTES, doubled));
      this.#slabUsedBytes = 0;
    }
    const bytes = new Uint8Array(this.#slab, this.#slabUsedBytes, PAGE_SIZE_BYTES);
    const page = new MemoryPage(bytes);
    this.#slabUsedBytes += PAGE_SIZE_BYTES;
    this.#leafFor(phys)[phys >>> PAGE_SHIFT & LEAF_PAGE_MASK] = page;
    return page;
  }
}

/** A 32-bit operator rounds down like `Math.floor`, and its result is an integer, not a double. */
function leafIndex(phys: number): number {
  return (phys / LEAF_BYTES) >>> 0;
}

/**
 * Up to this number of bytes, the size of a queue's entry, a loop is faster than a view and leaves no garbage
 * (`record.ratio`).
 */
const LOOP_BYTES = 64;

/** Copies bytes between arrays; a whole array is copied without a view (`nvme.read4k.looked`). */
function copyBytes(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
  count: number,
): void {
  if (count === from.length) to.set(from, toOffset);
  else if (count > LOOP_BYTES) to.set(from.subarray(fromOffset, fromOffset + count), toOffset);
  else for (let index = 0; index < count; index++) to[toOffset + index] = from[fromOffset + index]!;
}

/**
 * Memory as the CPU sees it: physical memory itself if all devices are coherent, else the caches with the
 * memory below them.
 */
export type HostMemory = Pick<PhysicalMemory, "read" | "write" | "copy" | "fill">;

/**
 * True when the first `sizeBytes` bytes of two arrays are equal. Compared word by word if both
 * arrays are aligned.
 */
export function sameBytes(left: Uint8Array, right: Uint8Array, sizeBytes: Bytes): boolean {
  let index = 0;
  if (left.byteOffset % 8 === 0 && right.byteOffset % 8 === 0) {
    const words = Math.floor(sizeBytes / 8);
    const one = new BigInt64Array(left.buffer, left.byteOffset, words);
    const other = new BigInt64Array(right.buffer, right.byteOffset, words);
    for (let word = 0; word < words; word++) if (one[word] !== other[word]) return false;
    index = 8 * words;
  }
  for (; index < sizeBytes; index++) if (left[index] !== right[index]) return false;
  return true;
}
