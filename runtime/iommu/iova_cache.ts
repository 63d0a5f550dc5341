/**
 * The per-CPU caches in front of the ranges: magazines of recently freed addresses by size class.
 *
 * A cached range stays allocated in the range list; a magazine contains only the range's first
 * frame. Each CPU has two magazines for each class. Full magazines go to a depot that all CPUs
 * share.
 *
 * @see rules/dma.md 4.5
 */

import { invariant } from "../errno.ts";
import { grown, zeros } from "../zeros.ts";

const MAGAZINE_PFNS = 127;
/**
 * Number of size classes: 1, 2, 4, 8, 16 and 32 granules. Not exported, because the engine
 * constant-folds only constants that are not exported (`iova.pair`).
 */
const CLASSES = 6;
export const CACHE_CLASSES = CLASSES;

const NO_MAGAZINE = -1;

/**
 * A magazine has 128 places, the first of which stays empty. Therefore one number, the place of its
 * newest frame, describes a magazine: the upper bits are the magazine's index, the lower seven bits
 * the number of frames in it.
 */
const PLACE_BITS = 7;
const FILL_MASK = 2 ** PLACE_BITS - 1;

/** Frees the range that begins at this frame number, when the range leaves the cache. */
export type ReleasePfn = (pfn: number) => void;

/** Visits one cached frame; `cpu` is -1 for a frame in a depot. */
export type VisitCached = (pfn: number, sizeClass: number, cpu: number) => void;

export class IovaCache {
  /** The first frames of the cached ranges, 128 places for each magazine. */
  #pfns: Float64Array;
  /** For each magazine, the next magazine of the same depot, or of the free list. */
  #next: Int32Array;
  #magazines: number;
  #freeMagazine = NO_MAGAZINE;
  /** By CPU and class: the place of the newest frame in the loaded and in the previous magazine. */
  readonly #loaded: Int32Array;
  readonly #previous: Int32Array;
  /** The newest full magazine and the number of magazines, by class. */
  readonly #depot = zeros(Int32Array, CLASSES).fill(NO_MAGAZINE);
  readonly #depotSize = zeros(Int32Array, CLASSES);

  constructor(readonly cpus: number) {
    invariant(cpus > 0, "A cache has no CPU");
    const lists = cpus * CLASSES;
    this.#magazines = 2 * lists;
    this.#pfns = zeros(Float64Array, this.#magazines << PLACE_BITS);
    this.#next = zeros(Int32Array, this.#magazines).fill(NO_MAGAZINE);
    this.#loaded = zeros(Int32Array, lists);
    this.#previous = zeros(Int32Array, lists);
    for (let list = 0; list < lists; list++) {
      this.#loaded[list] = (2 * list) << PLACE_BITS;
      this.#previous[list] = (2 * list + 1) << PLACE_BITS;
    }
  }

  /**
   * Takes the newest cached range that does not extend past a limit.
   *
   * Only the loaded magazine is searched. If it contains no suitable range, the result is 0, even
   * when the previous magazine contains one. A limit below the range's size permits every range,
   * because the kernel's comparison is unsigned and wraps around.
   *
   * @param sizeClass 0 for one granule, 5 for 32.
   * @param endPfn One more than the last usable frame.
   * @returns The first frame, or 0.
   */
  take(cpu: number, sizeClass: number, endPfn: number): number {
    const list = cpu * CLASSES + sizeClass;
    let newest = this.#loaded[list]!;
    if ((newest & FILL_MASK) === 0) {
      newest = this.#refill(list, sizeClass);
      if ((newest & FILL_MASK) === 0) return 0;
    }
    const pfn = this.#pfns[newest]!;
    const pfns = 1 << sizeClass;
    // Computing the sum for each frame is cheaper than computing the highest possible frame once,
    // because V8 would allocate that number on the heap.
    if (pfn + pfns > endPfn && endPfn >= pfns) return this.#takeBelow(list, newest, pfns, endPfn);
    this.#loaded[list] = newest - 1;
    return pfn;
  }

  /**
   * Searches below a magazine's newest frame. If a frame is found and taken, the newest frame moves
   * to its place.
   */
  #takeBelow(list: number, newest: number, pfns: number, endPfn: number): number {
    for (let place = newest - 1; (place & FILL_MASK) !== 0; place--) {
      const pfn = this.#pfns[place]!;
      if (pfn + pfns > endPfn) continue;
      this.#pfns[place] = this.#pfns[newest]!;
      this.#loaded[list] = newest - 1;
      return pfn;
    }
    return 0;
  }

  /**
   * Replaces an empty loaded magazine by one with frames, if there is one; returns the place of the
   * newest frame in that magazine.
   */
  #refill(list: number, sizeClass: number): number {
    const empty = this.#loaded[list]!;
    let newest = this.#previous[list]!;
    if ((newest & FILL_MASK) !== 0) {
      this.#previous[list] = empty;
    } else {
      const full = this.#depot[sizeClass]!;
      if (full === NO_MAGAZINE) return empty;
      this.#depot[sizeClass] = this.#next[full]!;
      this.#depotSize[sizeClass]!--;
      this.#discard(empty >> PLACE_BITS);
      newest = newestOfFull(full);
    }
    this.#loaded[list] = newest;
    return newest;
  }

  /**
   * Puts a freed frame into the CPU's magazine.
   * @returns True when a full magazine went to the depot to make room.
   */
  put(cpu: number, sizeClass: number, pfn: number): boolean {
    const list = cpu * CLASSES + sizeClass;
    const newest = this.#loaded[list]!;
    if ((newest & FILL_MASK) === MAGAZINE_PFNS) return this.#putBesideFull(list, sizeClass, pfn);
    this.#pfns[newest + 1] = pfn;
    this.#loaded[list] = newest + 1;
    return false;
  }

  #putBesideFull(list: number, sizeClass: number, pfn: number): boolean {
    const spilled = this.#makeRoom(list, sizeClass);
    invariant((this.#loaded[list]! & FILL_MASK) < MAGAZINE_PFNS, "A full magazine was loaded");
    this.#pfns[++this.#loaded[list]!] = pfn;
    return spilled;
  }

  /**
   * Loads a magazine that has room, in place of a full magazine.
   * @returns True when the full magazine went to the depot.
   */
  #makeRoom(list: number, sizeClass: number): boolean {
    const full = this.#loaded[list]!;
    const previous = this.#previous[list]!;
    if ((previous & FILL_MASK) !== MAGAZINE_PFNS) {
      this.#previous[list] = full;
      this.#loaded[list] = previous;
      return false;
    }
    const magazine = full >> PLACE_BITS;
    this.#next[magazine] = this.#depot[sizeClass]!;
    this.#depot[sizeClass] = magazine;
    this.#depotSize[sizeClass]!++;
    this.#loaded[list] = this.#newMagazine() << PLACE_BITS;
    return true;
  }

  /** Bytes of host memory for the magazines. */
  get hostBytes(): number {
    return this.#pfns.byteLength + this.#next.byteLength;
  }

  /** Number of full magazines of a class in the depot. */
  depotSize(sizeClass: number): number {
    return this.#depotSize[sizeClass]!;
  }

  /** Number of frames in a CPU's magazines of a class: loaded, previous. */
  fills(cpu: number, sizeClass: number): readonly [number, number] {
    const list = cpu * CLASSES + sizeClass;
    return [this.#loaded[list]! & FILL_MASK, this.#previous[list]! & FILL_MASK];
  }

  /** Calls back with every cached frame: each CPU's magazines, then the depots. */
  forEach(visit: VisitCached): void {
    for (let list = 0; list < this.#loaded.length; list++) {
      const cpu = Math.floor(list / CLASSES);
      const sizeClass = list % CLASSES;
      this.#visitMagazine(this.#loaded[list]!, (pfn) => visit(pfn, sizeClass, cpu));
      this.#visitMagazine(this.#previous[list]!, (pfn) => visit(pfn, sizeClass, cpu));
    }
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      for (let at = this.#depot[sizeClass]!; at !== NO_MAGAZINE; at = this.#next[at]!) {
        this.#visitMagazine(newestOfFull(at), (pfn) => visit(pfn, sizeClass, -1));
      }
    }
  }

  /** Visits the frames of a magazine from the oldest on. */
  #visitMagazine(newest: number, visit: ReleasePfn): void {
    for (let place = (newest & ~FILL_MASK) + 1; place <= newest; place++) {
      visit(this.#pfns[place]!);
    }
  }

  /** Empties a CPU's magazines: all classes in order, in each class the loaded magazine first. */
  drainCpu(cpu: number, release: ReleasePfn): void {
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      const list = cpu * CLASSES + sizeClass;
      for (const newest of [this.#loaded, this.#previous]) {
        this.#visitMagazine(newest[list]!, release);
        newest[list]! &= ~FILL_MASK;
      }
    }
  }

  drainDepots(release: ReleasePfn): void {
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      while (this.#depotSize[sizeClass] !== 0) this.drainOneOfDepot(sizeClass, release);
    }
  }

  /** Empties the newest magazine of one class's depot, which must not be empty. */
  drainOneOfDepot(sizeClass: number, release: ReleasePfn): void {
    const magazine = this.#depot[sizeClass]!;
    invariant(magazine !== NO_MAGAZINE, "An empty depot has no magazine to give");
    invariant(this.#depotSize[sizeClass]! > 0, "A depot counts fewer magazines than it has");
    this.#depot[sizeClass] = this.#next[magazine]!;
    this.#depotSize[sizeClass]!--;
    this.#visitMagazine(newestOfFull(magazine), release);
    this.#discard(magazine);
  }

  /** Checks that every magazine is loaded, in a depot or free. @throws {InvariantError} */
  audit(): void {
    let magazines = this.#loaded.length + this.#previous.length;
    for (const [list, newest] of this.#loaded.entries()) {
      const isOther = newest >> PLACE_BITS !== this.#previous[list]! >> PLACE_BITS;
      invariant(isOther, "A CPU has loaded a magazine twice");
    }
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      let size = 0;
      for (let at = this.#depot[sizeClass]!; at !== NO_MAGAZINE; at = this.#next[at]!) size++;
      invariant(size === this.#depotSize[sizeClass], "A depot counts other magazines than it has");
      magazines += size;
    }
    for (let at = this.#freeMagazine; at !== NO_MAGAZINE; at = this.#next[at]!) magazines++;
    invariant(magazines === this.#magazines, "A magazine is neither loaded nor free");
  }

  #discard(magazine: number): void {
    invariant(magazine >= 0 && magazine < this.#magazines, "A magazine is discarded that is none");
    this.#next[magazine] = this.#freeMagazine;
    this.#freeMagazine = magazine;
  }

  #newMagazine(): number {
    if (this.#freeMagazine === NO_MAGAZINE) this.#grow();
    const magazine = this.#freeMagazine;
    invariant(magazine !== NO_MAGAZINE, "There is no free magazine after growing");
    this.#freeMagazine = this.#next[magazine]!;
    return magazine;
  }

  #grow(): void {
    const old = this.#magazines;
    this.#magazines = 2 * old;
    this.#pfns = grown(this.#pfns, new Float64Array(this.#magazines << PLACE_BITS));
    this.#next = grown(this.#next, new Int32Array(this.#magazines));
    for (let magazine = this.#magazines - 1; magazine >= old; magazine--) this.#discard(magazine);
  }
}

/** The place of the newest frame of a magazine that is full. */
function newestOfFull(magazine: number): number {
  return (magazine << PLACE_BITS) + MAGAZINE_PFNS;
}
