/**
 * The ranges of IO virtual addresses in use, and the top-down search for a free range.
 *
 * The search only steps from a range to the next lower range. Therefore an address-ordered doubly
 * linked list gives the same results as a balanced tree, and the two cursors save most of the
 * walking. With thousands of ranges, a skip list over the linked list saves the rest. To free a
 * range, a hash finds its node by the range's first frame. All data is in typed arrays: about 24
 * bytes for a range, and 7 to 14 for the hash; nothing is allocated in steady state.
 *
 * All numbers are page frame numbers: IOVA divided by the granule.
 *
 * @see rules/dma.md 4.1, 4.4, 4.6
 */
import { roundUpPowerOfTwo } from "../address.ts";
import { invariant } from "../errno.ts";
import { IovaSkipList } from "./iova_skip_list.ts";
import { grown, zeros } from "../zeros.ts";

/**
 * Index of the sentinel below all ranges; every comparison with the sentinel's bounds ends a
 * downward walk.
 */
const FLOOR = 0;
/** Index of the sentinel above all ranges, at the frame number of all ones. */
const ANCHOR = 1;
const ANCHOR_PFN = Number.MAX_SAFE_INTEGER;

const INITIAL_NODES = 64;
/** With fewer ranges, a search costs less than maintaining the skip list of earlier searches. */
const SKIPPING_RANGES = 4096;
/** A search is long if it visits more than this part of the ranges. */
const LONG_PART = 2 ** -8;
/** The hash is doubled when its load exceeds this. */
const MAX_HASH_LOAD = 0.6;
/** 2^32 divided by the golden ratio: spreads consecutive frames evenly (Knuth, TAOCP 6.4). */
const HASH_MULTIPLIER = 0x9e3779b1;
/**
 * The home slot of a frame in the hash. `| 0` at the end changes nothing, but keeps V8 from
 * representing the slot as a double.
 */
function homeSlot(pfn: number, shift: number): number {
  return (Math.imul(pfn | 0, HASH_MULTIPLIER) >>> shift) | 0;
}

/** 2^n by n, for numbers of at most 53 bits. */
const POWER = Float64Array.from({ length: 54 }, (_, bit) => 2 ** bit);
const INVERSE_POWER = Float64Array.from({ length: 54 }, (_, bit) => 2 ** -bit);

/** The smallest n for which 2^n is at least a size. */
function sizeBits(pfns: number): number {
  if (pfns <= 1) return 0;
  return pfns <= 2 ** 31 ? 32 - Math.clz32(pfns - 1) : Math.log2(roundUpPowerOfTwo(pfns));
}

export class IovaRanges {
  readonly startPfn: number;
  /** The first frame at 4 GiB: searches below it have their own cursor and size limit. */
  readonly dma32Pfn: number;
  /** A 32-bit search for this many frames or more fails at once (4.4 step 1). */
  max32AllocPfns: number;
  /**
   * `foundLo` and `foundHi` are the bounds of the range that the last successful `find` found, or that
   * the last `reserve` made or widened.
   */
  foundLo = 0;
  foundHi = 0;

  /** First and last frame of node i at 2i and 2i+1. */
  #bounds = zeros(Float64Array, 2 * INITIAL_NODES);
  /** Next lower and next higher node of node i at 2i and 2i+1. */
  #links = zeros(Int32Array, 2 * INITIAL_NODES);
  #capacity = INITIAL_NODES;
  /**
   * Number of nodes ever used. The free nodes among them form a list: `#freeNode` is its first
   * node, and the lower link of a node leads to the next.
   */
  #used = 2;
  #freeNode = 0;
  #count = 0;
  #cursor32 = ANCHOR;
  #cursor64 = ANCHOR;
  /**
   * Skip list of the sizes that did not fit; null with few ranges, and before the first long
   * search.
   */
  #skips: IovaSkipList | null = null;
  /** Number of ranges that long searches have visited without a skip list. */
  #walked = 0;

  /**
   * The hash: node by first frame, with open addressing. The value 0 (the floor, which is never in
   * the hash) marks an empty slot.
   */
  #slots = zeros(Int32Array, 2 * INITIAL_NODES);
  #slotMask = 2 * INITIAL_NODES - 1;
  #hashShift = 32 - Math.log2(2 * INITIAL_NODES);
  #hashLimit = Math.floor(2 * INITIAL_NODES * MAX_HASH_LOAD);
  #probedSlot = 0;
  readonly #longSteps: number;

  /**
   * @param startPfn Lowest frame that may be allocated; at least 1, so that 0 can mean failure.
   * @param dma32Pfn 4 GiB in frames.
   * @param skippingRanges Long searches use a skip list if there are at least so many ranges.
   */
  constructor(
    startPfn: number,
    dma32Pfn: number,
    readonly skippingRanges: number = SKIPPING_RANGES,
  ) {
    this.#longSteps = LONG_PART * skippingRanges;
    invariant(startPfn >= 0, "Ranges begin below frame 0");
    this.startPfn = startPfn;
    this.dma32Pfn = dma32Pfn;
    this.max32AllocPfns = dma32Pfn;
    this.#bounds[2 * FLOOR + 1] = -1;
    this.#bounds[2 * ANCHOR] = this.#bounds[2 * ANCHOR + 1] = ANCHOR_PFN;
    this.#links[2 * FLOOR + 1] = ANCHOR;
    this.#links[2 * ANCHOR] = FLOOR;
  }

  /** The number of ranges in use, including those in caches. */
  get count(): number {
    return this.#count;
  }

  /** First frame of the range where the next 32-bit search starts; null for the anchor. */
  get cursor32Pfn(): number | null {
    return this.#cursor32 === ANCHOR ? null : this.#bounds[2 * this.#cursor32]!;
  }

  /**
   * First frame of the range where the next search above 4 GiB starts; null if it starts at the
   * top.
   */
  get cursor64Pfn(): number | null {
    return this.#cursor64 === ANCHOR ? null : this.#bounds[2 * this.#cursor64]!;
  }

  /**
   * Allocates the highest free range below the cursor; without such a range, the highest below the
   * limit.
   *
   * @param pfns Frames wanted, at least 1.
   * @param limitPfn Last frame that may be used.
   * @param aligned True to align the range's start to a power of two: the range's size, rounded up.
   * @returns The first frame, or 0 when nothing fits.
   * @see rules/dma.md 4.4
   */
  alloc(pfns: number, limitPfn: number, aligned: boolean): number {
    const below = limitPfn + 1;
    const is32 = below <= this.dma32Pfn;
    if (is32 && pfns >= this.max32AllocPfns) return 0;
    const bits = aligned ? sizeBits(pfns) : 0;
    const alignment = POWER[bits]!;
    const inverse = INVERSE_POWER[bits]!;
    const bounds = this.#bounds;
    const links = this.#links;

    const skips = aligned ? this.#skips : null;

    let node = is32 ? this.#cursor32 : this.#cursor64;
    const retryPfn = bounds[2 * node + 1]!;
    let high = below;
    let low = this.startPfn;
    let steps = 0;
    for (let pass = 1;; pass++) {
      let lo: number;
      skips?.begin();
      do {
        steps++;
        if (skips !== null && bounds[2 * node]! <= below) node = skips.skip(node, pfns);
        const nodeLo = bounds[2 * node]!;
        if (nodeLo < high) high = nodeLo;
        lo = Math.floor((high - pfns) * inverse) * alignment;
        node = links[2 * node]!;
        // The floor's range ends at -1, so nothing fits below the floor. Therefore the walk stops
        // at the floor at the latest.
      } while (lo <= bounds[2 * node + 1]! && lo >= low);
      if (lo >= low || pass === 2 || retryPfn >= below) {
        if (steps > this.#longSteps) this.#afterLongSearch(steps);
        if (lo >= low) return this.#insertAbove(node, lo, lo + pfns - 1);
        this.max32AllocPfns = pfns;
        return 0;
      }
      high = below;
      low = retryPfn + 1;
      node = this.#lowestFrom(below, is32);
    }
  }

  /**
   * The number of ranges that a search would visit now, whether or not it succeeds. It is the cost
   * of an allocation that the caches cannot serve. Allocates nothing and moves no cursor.
   *
   * @param limitPfn Last frame that may be used.
   * @see rules/dma.md 4.4
   */
  searchLength(pfns: number, limitPfn: number): number {
    const below = limitPfn + 1;
    const is32 = below <= this.dma32Pfn;
    if (is32 && pfns >= this.max32AllocPfns) return 0;
    const alignment = roundUpPowerOfTwo(pfns);
    let node = is32 ? this.#cursor32 : this.#cursor64;
    const retryPfn = this.#bounds[2 * node + 1]!;
    let high = below;
    let low = this.startPfn;
    let steps = 0;
    for (let pass = 1;; pass++) {
      let lo: number;
      do {
        steps++;
        high = Math.min(high, this.#bounds[2 * node]!);
        lo = Math.floor((high - pfns) / alignment) * alignment;
        node = this.#links[2 * node]!;
      } while (lo <= this.#bounds[2 * node + 1]! && lo >= low);
      if (lo >= low || pass === 2 || retryPfn >= below) return steps;
      high = below;
      low = retryPfn + 1;
      node = this.#lowestFrom(below, is32);
    }
  }

  /**
   * The lowest node at or above `pfn`, found by walking upwards from the cursor of the failed
   * search.
   */
  #lowestFrom(pfn: number, is32: boolean): number {
    if (!is32) return ANCHOR;
    let node = this.#cursor32;
    while (this.#bounds[2 * node]! < pfn) node = this.#links[2 * node + 1]!;
    return node;
  }

  #insertAbove(lower: number, lo: number, hi: number): number {
    const node = this.#newNode(lower, lo, hi);
    if (hi < this.dma32Pfn) this.#cursor32 = node;
    else this.#cursor64 = node;
    return lo;
  }

  /**
   * Frees the range that contains a frame; does nothing if no range contains it.
   *
   * @returns Whether a range was freed.
   * @see rules/dma.md 4.3, 4.4
   */
  free(pfn: number): boolean {
    let node = this.#nodeStarting(pfn);
    if (node === FLOOR) {
      node = this.#searchContaining(pfn);
      if (node === FLOOR) return false;
      this.#nodeStarting(this.#bounds[2 * node]!);
    }
    const bounds = this.#bounds;
    const lo = bounds[2 * node]!;
    const hi = bounds[2 * node + 1]!;
    const higher = this.#links[2 * node + 1]!;
    const low32 = bounds[2 * this.#cursor32]!;
    if (node === this.#cursor32 || (hi < this.dma32Pfn && lo >= low32)) this.#cursor32 = higher;
    if (lo < this.dma32Pfn) this.max32AllocPfns = this.dma32Pfn;
    if (lo >= bounds[2 * this.#cursor64]!) this.#cursor64 = higher;
    this.#emptySlot(this.#probedSlot);
    this.#removeNode(node);
    return true;
  }

  /** Finds the range that contains a frame; its bounds are in `foundLo` and `foundHi`. */
  find(pfn: number): boolean {
    const node = this.#nodeContaining(pfn);
    if (node === FLOOR) return false;
    this.foundLo = this.#bounds[2 * node]!;
    this.foundHi = this.#bounds[2 * node + 1]!;
    return true;
  }

  /**
   * Reserves frames so that they are never allocated. Existing ranges that overlap these frames are
   * widened downwards, and the frames above the last such range become a separate range. The
   * cursors stay. Sets `foundLo` and `foundHi` to the range that covers the last of the frames.
   *
   * @see rules/dma.md 4.6
   */
  reserve(loPfn: number, hiPfn: number): void {
    invariant(loPfn <= hiPfn, `Cannot reserve the frames ${loPfn} to ${hiPfn}: the order is wrong`);
    let lo = loPfn;
    let node = this.#links[2 * FLOOR + 1]!;
    while (node !== ANCHOR && this.#bounds[2 * node]! <= hiPfn) {
      if (this.#bounds[2 * node + 1]! >= lo) {
        if (lo < this.#bounds[2 * node]!) this.#setLo(node, lo);
        this.foundLo = this.#bounds[2 * node]!;
        this.foundHi = this.#bounds[2 * node + 1]!;
        if (hiPfn <= this.foundHi) return;
        lo = this.foundHi + 1;
      }
      node = this.#links[2 * node + 1]!;
    }
    this.#newNode(this.#links[2 * node]!, lo, hiPfn);
    this.foundLo = lo;
    this.foundHi = hiPfn;
  }

  /** Calls back with each range in ascending order. */
  forEach(visit: (lo: number, hi: number) => void): void {
    for (let node = this.#links[2 * FLOOR + 1]!; node !== ANCHOR;) {
      visit(this.#bounds[2 * node]!, this.#bounds[2 * node + 1]!);
      node = this.#links[2 * node + 1]!;
    }
  }

  get hostBytes(): number {
    return this.#bounds.byteLength + this.#links.byteLength + this.#slots.byteLength +
      (this.#skips?.hostBytes ?? 0);
  }

  #newNode(lower: number, lo: number, hi: number): number {
    let node = this.#freeNode;
    if (node !== FLOOR) this.#freeNode = this.#links[2 * node]!;
    else {
      if (this.#used === this.#capacity) this.#growNodes();
      node = this.#used++;
    }
    const links = this.#links;
    const higher = links[2 * lower + 1]!;
    this.#bounds[2 * node] = lo;
    this.#bounds[2 * node + 1] = hi;
    links[2 * node] = lower;
    links[2 * node + 1] = higher;
    links[2 * lower + 1] = node;
    links[2 * higher] = node;
    if (++this.#count > this.#hashLimit) this.#growHash();
    this.#hashInsert(node);
    this.#skips?.insert(node, links);
    return node;
  }

  /** Builds the skip list when long searches have visited as many ranges as the building visits. */
  #afterLongSearch(steps: number): void {
    if (this.#skips !== null || this.#count < this.skippingRanges) return;
    this.#walked += steps;
    if (this.#walked < this.#count) return;
    this.#walked = 0;
    this.#skips = new IovaSkipList();
    const links = this.#links;
    for (let node = links[2 * ANCHOR]!; node !== FLOOR; node = links[2 * node]!) {
      this.#skips.insert(node, links);
    }
  }

  #removeNode(node: number): void {
    const links = this.#links;
    this.#skips?.remove(node, links);
    const lower = links[2 * node]!;
    const higher = links[2 * node + 1]!;
    links[2 * lower + 1] = higher;
    links[2 * higher] = lower;
    links[2 * node] = this.#freeNode;
    this.#freeNode = node;
    // This threshold is far below the threshold for building the skip list. Otherwise a pair of
    // alloc and free could build and drop the skip list repeatedly.
    if (--this.#count < this.skippingRanges / 4) this.#skips = null;
  }

  #setLo(node: number, lo: number): void {
    invariant(lo < this.#bounds[2 * node]!, "A range grows downwards only");
    this.#nodeStarting(this.#bounds[2 * node]!);
    this.#emptySlot(this.#probedSlot);
    this.#bounds[2 * node] = lo;
    this.#hashInsert(node);
  }

  #nodeContaining(pfn: number): number {
    const node = this.#nodeStarting(pfn);
    return node !== FLOOR ? node : this.#searchContaining(pfn);
  }

  /**
   * The node with `pfn` as its first frame, or the floor if there is no such node. `#probedSlot` is
   * the slot where the probing ended.
   */
  #nodeStarting(pfn: number): number {
    const slots = this.#slots;
    const mask = this.#slotMask;
    let slot = homeSlot(pfn, this.#hashShift);
    let node = slots[slot]!;
    while (node !== FLOOR && this.#bounds[2 * node] !== pfn) {
      slot = (slot + 1) & mask;
      node = slots[slot]!;
    }
    this.#probedSlot = slot;
    return node;
  }

  /**
   * Finds the range that contains a frame other than the range's first frame. Only a mistake, or
   * code that reads page tables, passes such a frame. Aligned ranges are found at the multiples of
   * powers of two below the frame, other ranges by a full search.
   */
  #searchContaining(pfn: number): number {
    for (let alignment = 2; alignment <= pfn; alignment *= 2) {
      const node = this.#nodeStarting(Math.floor(pfn / alignment) * alignment);
      if (node !== FLOOR && this.#bounds[2 * node + 1]! >= pfn) return node;
    }
    let node = this.#links[2 * ANCHOR]!;
    while (node !== FLOOR && this.#bounds[2 * node]! > pfn) node = this.#links[2 * node]!;
    return this.#bounds[2 * node + 1]! >= pfn ? node : FLOOR;
  }

  #hashInsert(node: number): void {
    const slots = this.#slots;
    const mask = this.#slotMask;
    let slot = homeSlot(this.#bounds[2 * node]!, this.#hashShift);
    while (slots[slot] !== FLOOR) slot = (slot + 1) & mask;
    slots[slot] = node;
  }

  #emptySlot(emptied: number): void {
    const slots = this.#slots;
    const mask = this.#slotMask;
    const bounds = this.#bounds;
    const shift = this.#hashShift;
    let hole = emptied;
    // Later entries move into the hole unless their home slot lies between the hole and them.
    for (let slot = (hole + 1) & mask; slots[slot] !== FLOOR; slot = (slot + 1) & mask) {
      const other = slots[slot]!;
      const home = homeSlot(bounds[2 * other]!, shift);
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = other;
        hole = slot;
      }
    }
    slots[hole] = FLOOR;
  }

  #growNodes(): void {
    // Grows only by half: a doubled array would be half empty just when the number of ranges is
    // largest.
    this.#capacity = Math.ceil(this.#capacity * 1.5);
    invariant(this.#capacity > this.#used, "The list of ranges has not grown");
    this.#bounds = grown(this.#bounds, new Float64Array(2 * this.#capacity));
    this.#links = grown(this.#links, new Int32Array(2 * this.#capacity));
  }

  #growHash(): void {
    const slots = 2 * (this.#slotMask + 1);
    const old = this.#slots;
    invariant(this.#count < slots, "A hash has no room for its ranges");
    this.#slots = new Int32Array(slots);
    this.#slotMask = slots - 1;
    this.#hashLimit = Math.floor(slots * MAX_HASH_LOAD);
    this.#hashShift--;
    for (const node of old) if (node !== FLOOR) this.#hashInsert(node);
  }
}
