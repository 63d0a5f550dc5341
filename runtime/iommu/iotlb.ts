/**
 * The cache of translations in the IOMMU. A cached entry outlives its page-table entry until the
 * cached entry is invalidated; lazy mode defers the invalidation.
 *
 * The cache is fully associative with LRU replacement, and all domains share it. An entry covers a
 * page of its leaf's size. A lookup takes a hash probe for each leaf size that is in the cache.
 *
 * @see rules/dma.md 5.2, 5.3
 */
import { invariant } from "../errno.ts";
import { zeros } from "../zeros.ts";
import type { Invalidation } from "./invalidation.ts";

const NONE = -1;
/** Number of possible leaf sizes: powers of two below 2^53. */
const SIZE_BITS = 53;
const HASH_MULTIPLIER = 0x9e3779b1;
/**
 * The powers 2^n by their exponent n: reading a table is faster than computing a power
 * (`nvme.read4k.strict`).
 */
const POWER = Float64Array.from({ length: SIZE_BITS }, (_, bit) => 2 ** bit);
const INVERSE_POWER = Float64Array.from({ length: SIZE_BITS }, (_, bit) => 2 ** -bit);

export class Iotlb {
  readonly entries: number;
  /** By entry. */
  readonly #page: Float64Array;
  readonly #phys: Float64Array;
  readonly #flags: Uint8Array;
  readonly #sizeBit: Uint8Array;
  readonly #domain: Int32Array;
  readonly #generation: Float64Array;
  /** Serial number of the entry's translation, unique for each insertion; 0 for a free entry. */
  readonly #serial: Float64Array;
  #serials = 0;
  /**
   * LRU list: for each entry, the entry used before it and the entry used after it; then both ends
   * of the list.
   */
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  #oldest = NONE;
  #newest = NONE;
  /** Hash chains; the list of free entries (`#free`) uses the same links. */
  readonly #buckets: Int32Array;
  readonly #chain: Int32Array;
  readonly #shift: number;
  #free = NONE;
  /** Number of entries of each leaf size, and the sizes in use. */
  readonly #countOfSize = zeros(Int32Array, SIZE_BITS);
  readonly #sizesInUse = zeros(Uint8Array, SIZE_BITS);
  #sizes = 0;

  /** @param entries Capacity in translations; 0 means no cache. */
  constructor(entries: number) {
    invariant(entries >= 0, "The IOTLB has less than no entries");
    this.entries = entries;
    this.#page = zeros(Float64Array, entries);
    this.#phys = zeros(Float64Array, entries);
    this.#flags = zeros(Uint8Array, entries);
    this.#sizeBit = zeros(Uint8Array, entries);
    this.#domain = zeros(Int32Array, entries);
    this.#generation = zeros(Float64Array, entries);
    this.#serial = zeros(Float64Array, entries);
    this.#older = zeros(Int32Array, entries);
    this.#newer = zeros(Int32Array, entries);
    this.#chain = zeros(Int32Array, entries);
    const bits = Math.max(1, Math.ceil(Math.log2(2 * Math.max(1, entries))));
    this.#buckets = zeros(Int32Array, 2 ** bits).fill(NONE);
    this.#shift = 32 - bits;
    for (let entry = entries - 1; entry >= 0; entry--) {
      this.#chain[entry] = this.#free;
      this.#free = entry;
    }
  }

  /**
   * Finds the entry for an address and makes it the most recently used.
   * @returns The entry's number, or -1.
   */
  lookup(domain: number, iova: number): number {
    for (let index = 0; index < this.#sizes; index++) {
      const sizeBit = this.#sizesInUse[index]!;
      const entry = this.#find(domain, Math.floor(iova * INVERSE_POWER[sizeBit]!), sizeBit);
      if (entry === NONE) continue;
      this.#use(entry);
      return entry;
    }
    return NONE;
  }

  /**
   * Whether `lookup` would find the same translation as an earlier call. If so, its entry becomes
   * the most recently used.
   * @param entry The value of `newest` after the earlier call.
   * @param serial The value of `serialOf(entry)` after the earlier call.
   */
  findsAgain(entry: number, serial: number): boolean {
    // Where leaves of several sizes are cached, another entry might be found first.
    if (this.#sizes !== 1 || this.#serial[entry] !== serial) return false;
    this.#use(entry);
    return true;
  }

  /** Serial number of the translation in an entry; 0 for none. */
  serialOf(entry: number): number {
    return this.#serial[entry]!;
  }

  /** The entry that was used last; -1 without one. */
  get newest(): number {
    return this.#newest;
  }

  /** Whether an entry permits some access to the address; changes nothing. */
  holds(domain: number, iova: number): boolean {
    for (let index = 0; index < this.#sizes; index++) {
      const sizeBit = this.#sizesInUse[index]!;
      const entry = this.#find(domain, Math.floor(iova * INVERSE_POWER[sizeBit]!), sizeBit);
      if (entry !== NONE) return this.#flags[entry]! !== 0;
    }
    return false;
  }

  /** The size of the leaf that an entry was made from. */
  sizeOf(entry: number): number {
    return POWER[this.#sizeBit[entry]!]!;
  }

  /** Physical address of a byte that an entry covers. */
  physOf(entry: number, iova: number): number {
    const sizeBytes = POWER[this.#sizeBit[entry]!]!;
    return this.#phys[entry]! + (iova - this.#page[entry]! * sizeBytes);
  }

  /** The leaf's flags; 0 for a cached not-present entry (caching mode). */
  flagsOf(entry: number): number {
    return this.#flags[entry]!;
  }

  /** The domain's generation at which the entry was last known to agree with the page table. */
  generationOf(entry: number): number {
    return this.#generation[entry]!;
  }

  /** Records that an entry still agrees with the table. */
  confirm(entry: number, generation: number): void {
    this.#generation[entry] = generation;
  }

  /**
   * Inserts a translation. If the cache is full, it replaces the least recently used translation.
   * @param iova Any byte of the page.
   * @param phys The physical address of that byte.
   */
  insert(
    domain: number,
    iova: number,
    phys: number,
    sizeBytes: number,
    flags: number,
    generation: number,
  ): void {
    if (this.entries === 0) return;
    if (this.#free === NONE) this.#remove(this.#oldest);
    const entry = this.#free;
    this.#free = this.#chain[entry]!;
    const sizeBit = sizeBytes === 4096 ? 12 : Math.round(Math.log2(sizeBytes));
    const page = Math.floor(iova * INVERSE_POWER[sizeBit]!);
    this.#page[entry] = page;
    this.#phys[entry] = phys - (iova - page * sizeBytes);
    this.#flags[entry] = flags;
    this.#sizeBit[entry] = sizeBit;
    this.#domain[entry] = domain;
    this.#generation[entry] = generation;
    this.#serial[entry] = ++this.#serials;
    const bucket = this.#bucketOf(domain, page, sizeBit);
    this.#chain[entry] = this.#buckets[bucket]!;
    this.#buckets[bucket] = entry;
    this.#append(entry);
    if (this.#countOfSize[sizeBit]!++ === 0) this.#sizesInUse[this.#sizes++] = sizeBit;
  }

  /** Drops the entries of a domain that overlap the range that the hardware invalidates. */
  invalidate(domain: number, range: Pick<Invalidation, "hardwareFirst" | "hardwareLast">): void {
    const first = range.hardwareFirst;
    const last = range.hardwareLast;
    for (let index = this.#sizes - 1; index >= 0; index--) {
      const sizeBit = this.#sizesInUse[index]!;
      const scale = INVERSE_POWER[sizeBit]!;
      const lastPage = Math.floor(last * scale);
      let page = Math.floor(first * scale);
      if (lastPage - page >= this.entries) {
        this.#removeOfDomain(domain, first, last);
        return;
      }
      for (; page <= lastPage; page++) {
        const entry = this.#find(domain, page, sizeBit);
        if (entry !== NONE) this.#remove(entry);
      }
    }
  }

  invalidateDomain(domain: number): void {
    this.#removeOfDomain(domain, 0, Infinity);
  }

  /** Number of translations in the cache. */
  get used(): number {
    let used = 0;
    for (let index = 0; index < this.#sizes; index++) {
      used += this.#countOfSize[this.#sizesInUse[index]!]!;
    }
    return used;
  }

  /**
   * Calls back with every entry, the least recently used first.
   * @param visit `iova` and `phys` are the start of the entry's page.
   */
  forEach(
    visit: (domain: number, iova: number, phys: number, sizeBytes: number, flags: number) => void,
  ): void {
    for (let entry = this.#oldest; entry !== NONE; entry = this.#newer[entry]!) {
      const sizeBytes = POWER[this.#sizeBit[entry]!]!;
      visit(
        this.#domain[entry]!,
        this.#page[entry]! * sizeBytes,
        this.#phys[entry]!,
        sizeBytes,
        this.#flags[entry]!,
      );
    }
  }

  /** Checks that all lists and counters are consistent. @throws {InvariantError} */
  audit(): void {
    let older = NONE;
    let seen = 0;
    for (let entry = this.#oldest; entry !== NONE; entry = this.#newer[entry]!) {
      const found = this.#find(this.#domain[entry]!, this.#page[entry]!, this.#sizeBit[entry]!);
      invariant(found === entry, "An entry of the IOTLB is not found by its page");
      invariant(this.#older[entry] === older, "Two entries of the IOTLB were used before a third");
      invariant(this.#countOfSize[this.#sizeBit[entry]!]! > 0, "An entry has a size that none has");
      older = entry;
      seen++;
    }
    invariant(
      older === this.#newest,
      "The entry of the IOTLB that was used last is not the newest",
    );
    invariant(seen === this.used, "The IOTLB counts other entries than it has");
    for (let entry = this.#free; entry !== NONE; entry = this.#chain[entry]!) seen++;
    invariant(seen === this.entries, "An entry of the IOTLB is neither free nor used");
  }

  #removeOfDomain(domain: number, first: number, last: number): void {
    for (let entry = this.#oldest; entry !== NONE;) {
      const newer = this.#newer[entry]!;
      const sizeBytes = POWER[this.#sizeBit[entry]!]!;
      const start = this.#page[entry]! * sizeBytes;
      if (this.#domain[entry] === domain && start <= last && start + sizeBytes > first) {
        this.#remove(entry);
      }
      entry = newer;
    }
  }

  #bucketOf(domain: number, page: number, sizeBit: number): number {
    return Math.imul((page | 0) ^ (domain << 6) ^ sizeBit, HASH_MULTIPLIER) >>> this.#shift;
  }

  #find(domain: number, page: number, sizeBit: number): number {
    let entry = this.#buckets[this.#bucketOf(domain, page, sizeBit)]!;
    while (
      entry !== NONE &&
      (this.#page[entry] !== page || this.#domain[entry] !== domain ||
        this.#sizeBit[entry] !== sizeBit)
    ) entry = this.#chain[entry]!;
    return entry;
  }

  #use(entry: number): void {
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#append(entry);
  }

  #append(entry: number): void {
    this.#older[entry] = this.#newest;
    this.#newer[entry] = NONE;
    if (this.#newest === NONE) this.#oldest = entry;
    else this.#newer[this.#newest] = entry;
    this.#newest = entry;
  }

  #unlink(entry: number): void {
    const older = this.#older[entry]!;
    const newer = this.#newer[entry]!;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  #remove(entry: number): void {
    const sizeBit = this.#sizeBit[entry]!;
    const bucket = this.#bucketOf(this.#domain[entry]!, this.#page[entry]!, sizeBit);
    let at = this.#buckets[bucket]!;
    if (at === entry) this.#buckets[bucket] = this.#chain[entry]!;
    else {
      while (this.#chain[at] !== entry) at = this.#chain[at]!;
      this.#chain[at] = this.#chain[entry]!;
    }
    this.#unlink(entry);
    this.#serial[entry] = 0;
    this.#chain[entry] = this.#free;
    this.#free = entry;
    if (--this.#countOfSize[sizeBit]! === 0) {
      const index = this.#sizesInUse.indexOf(sizeBit);
      this.#sizesInUse[index] = this.#sizesInUse[--this.#sizes]!;
    }
  }
}
