/**
 * The per-CPU caches in front of the ranges: magazines of recently freed addresses by size class.
 *
 * A cached range stays in use for the search below; only its first frame lies in a magazine. Each
 * CPU has two magazines a class, full ones go to a depot that all CPUs share.
 *
 * @see behaviour/dma.md 4.5
 */

/** Frames in a magazine. */
export const MAGAZINE_PFNS = 127;
/** Size classes: 1, 2, 4, 8, 16 and 32 granules. */
export const CACHE_CLASSES = 6;

/** V8 folds what a module keeps to itself into code; what it exports is loaded at each use. */
const CAPACITY = MAGAZINE_PFNS;
const CLASSES = CACHE_CLASSES;
const NO_MAGAZINE = -1;

/** Takes back one frame number whose range is to leave the cache. */
export type ReleasePfn = (pfn: number) => void;

/** Sees one cached frame; `cpu` is -1 for one in a depot. */
export type VisitCached = (pfn: number, sizeClass: number, cpu: number) => void;

export class IovaCache {
  /** First frames, `MAGAZINE_PFNS` for each magazine. */
  #pfns: Float64Array;
  #fill: Uint8Array;
  /** Next magazine of the same depot, or of the free ones. */
  #next: Int32Array;
  #magazines: number;
  #freeMagazine = NO_MAGAZINE;
  /** By CPU and class. */
  readonly #loaded: Int32Array;
  readonly #previous: Int32Array;
  /** By class: the newest full magazine, and how many there are. */
  readonly #depot = new Int32Array(CACHE_CLASSES).fill(NO_MAGAZINE);
  readonly #depotSize = new Int32Array(CACHE_CLASSES);

  constructor(readonly cpus: number) {
    const lists = cpus * CACHE_CLASSES;
    this.#magazines = 2 * lists;
    this.#pfns = new Float64Array(this.#magazines * MAGAZINE_PFNS);
    this.#fill = new Uint8Array(this.#magazines);
    this.#next = new Int32Array(this.#magazines).fill(NO_MAGAZINE);
    this.#loaded = new Int32Array(lists);
    this.#previous = new Int32Array(lists);
    for (let list = 0; list < lists; list++) {
      this.#loaded[list] = 2 * list;
      this.#previous[list] = 2 * list + 1;
    }
  }

  /**
   * Takes the newest cached range that does not reach beyond a limit.
   *
   * Only the loaded magazine is searched: if it holds nothing suitable the answer is 0, even when
   * the previous one would have something. A limit smaller than the size allows anything: the
   * kernel's comparison is unsigned and wraps around.
   *
   * @param sizeClass 0 for one granule, 5 for 32.
   * @param endPfn One more than the last frame that will do.
   * @returns The first frame, or 0.
   */
  take(cpu: number, sizeClass: number, endPfn: number): number {
    const list = cpu * CLASSES + sizeClass;
    let magazine = this.#loaded[list]!;
    let fill = this.#fill[magazine]!;
    if (fill === 0) {
      magazine = this.#refill(list, sizeClass);
      fill = this.#fill[magazine]!;
      if (fill === 0) return 0;
    }
    const top = magazine * CAPACITY + fill - 1;
    const pfn = this.#pfns[top]!;
    const pfns = 1 << sizeClass;
    // The sum, and not one highest frame worked out beforehand, which would be an object on the heap.
    if (pfn + pfns > endPfn && endPfn >= pfns) return this.#takeBelow(magazine, top, pfns, endPfn);
    this.#fill[magazine] = fill - 1;
    return pfn;
  }

  /** Looks below a magazine's top entry, which then takes the place of the one found. */
  #takeBelow(magazine: number, top: number, pfns: number, endPfn: number): number {
    for (let place = top - 1; place >= magazine * CAPACITY; place--) {
      const pfn = this.#pfns[place]!;
      if (pfn + pfns > endPfn) continue;
      this.#pfns[place] = this.#pfns[top]!;
      this.#fill[magazine]!--;
      return pfn;
    }
    return 0;
  }

  #refill(list: number, sizeClass: number): number {
    const loaded = this.#loaded[list]!;
    const previous = this.#previous[list]!;
    if (this.#fill[previous] !== 0) {
      this.#previous[list] = loaded;
      this.#loaded[list] = previous;
      return previous;
    }
    const full = this.#depot[sizeClass]!;
    if (full === NO_MAGAZINE) return loaded;
    this.#depot[sizeClass] = this.#next[full]!;
    this.#depotSize[sizeClass]!--;
    this.#discard(loaded);
    this.#loaded[list] = full;
    return full;
  }

  /**
   * Puts a freed frame into the CPU's magazine.
   * @returns True when a full magazine went to the depot to make room.
   */
  put(cpu: number, sizeClass: number, pfn: number): boolean {
    const list = cpu * CLASSES + sizeClass;
    const magazine = this.#loaded[list]!;
    const fill = this.#fill[magazine]!;
    if (fill === CAPACITY) return this.#putBesideFull(list, sizeClass, pfn);
    this.#pfns[magazine * CAPACITY + fill] = pfn;
    this.#fill[magazine] = fill + 1;
    return false;
  }

  #putBesideFull(list: number, sizeClass: number, pfn: number): boolean {
    const spilled = this.#makeRoom(list, sizeClass);
    const magazine = this.#loaded[list]!;
    this.#pfns[magazine * CAPACITY + this.#fill[magazine]!++] = pfn;
    return spilled;
  }

  /**
   * Loads a magazine with room in place of a full one.
   * @returns True when the full one went to the depot.
   */
  #makeRoom(list: number, sizeClass: number): boolean {
    const full = this.#loaded[list]!;
    const previous = this.#previous[list]!;
    if (this.#fill[previous] !== CAPACITY) {
      this.#previous[list] = full;
      this.#loaded[list] = previous;
      return false;
    }
    this.#next[full] = this.#depot[sizeClass]!;
    this.#depot[sizeClass] = full;
    this.#depotSize[sizeClass]!++;
    this.#loaded[list] = this.#newMagazine();
    return true;
  }

  /** How many full magazines of a class all CPUs share. */
  depotSize(sizeClass: number): number {
    return this.#depotSize[sizeClass]!;
  }

  /** How many frames a CPU's magazines of a class hold: loaded, previous. */
  fills(cpu: number, sizeClass: number): readonly [number, number] {
    const list = cpu * CACHE_CLASSES + sizeClass;
    return [this.#fill[this.#loaded[list]!]!, this.#fill[this.#previous[list]!]!];
  }

  /** Calls back with every cached frame: each CPU's magazines, then the depots. */
  forEach(visit: VisitCached): void {
    for (let list = 0; list < this.#loaded.length; list++) {
      const cpu = Math.floor(list / CACHE_CLASSES);
      this.#visitMagazine(this.#loaded[list]!, list % CACHE_CLASSES, cpu, visit);
      this.#visitMagazine(this.#previous[list]!, list % CACHE_CLASSES, cpu, visit);
    }
    for (let sizeClass = 0; sizeClass < CACHE_CLASSES; sizeClass++) {
      for (let at = this.#depot[sizeClass]!; at !== NO_MAGAZINE; at = this.#next[at]!) {
        this.#visitMagazine(at, sizeClass, -1, visit);
      }
    }
  }

  #visitMagazine(magazine: number, sizeClass: number, cpu: number, visit: VisitCached): void {
    const first = magazine * MAGAZINE_PFNS;
    const fill = this.#fill[magazine]!;
    for (let place = 0; place < fill; place++) visit(this.#pfns[first + place]!, sizeClass, cpu);
  }

  /** Empties a CPU's magazines: all classes in order, the loaded one first. */
  drainCpu(cpu: number, release: ReleasePfn): void {
    for (let sizeClass = 0; sizeClass < CACHE_CLASSES; sizeClass++) {
      const list = cpu * CACHE_CLASSES + sizeClass;
      this.#empty(this.#loaded[list]!, release);
      this.#empty(this.#previous[list]!, release);
    }
  }

  /** Empties the depots of all classes. */
  drainDepots(release: ReleasePfn): void {
    for (let sizeClass = 0; sizeClass < CACHE_CLASSES; sizeClass++) {
      while (this.#depotSize[sizeClass] !== 0) this.drainOneOfDepot(sizeClass, release);
    }
  }

  /** Empties the newest magazine of one class's depot, which must not be empty. */
  drainOneOfDepot(sizeClass: number, release: ReleasePfn): void {
    const magazine = this.#depot[sizeClass]!;
    this.#depot[sizeClass] = this.#next[magazine]!;
    this.#depotSize[sizeClass]!--;
    this.#empty(magazine, release);
    this.#discard(magazine);
  }

  #empty(magazine: number, release: ReleasePfn): void {
    const first = magazine * MAGAZINE_PFNS;
    const fill = this.#fill[magazine]!;
    for (let place = 0; place < fill; place++) release(this.#pfns[first + place]!);
    this.#fill[magazine] = 0;
  }

  #discard(magazine: number): void {
    this.#next[magazine] = this.#freeMagazine;
    this.#freeMagazine = magazine;
  }

  #newMagazine(): number {
    if (this.#freeMagazine === NO_MAGAZINE) this.#grow();
    const magazine = this.#freeMagazine;
    this.#freeMagazine = this.#next[magazine]!;
    return magazine;
  }

  #grow(): void {
    const old = this.#magazines;
    this.#magazines = 2 * old;
    const pfns = new Float64Array(this.#magazines * MAGAZINE_PFNS);
    pfns.set(this.#pfns);
    this.#pfns = pfns;
    const fill = new Uint8Array(this.#magazines);
    fill.set(this.#fill);
    this.#fill = fill;
    const next = new Int32Array(this.#magazines);
    next.set(this.#next);
    this.#next = next;
    for (let magazine = this.#magazines - 1; magazine >= old; magazine--) this.#discard(magazine);
  }
}
