/**
 * The checker's records: mappings with device, address, kind and statement.
 *
 * A record is a row of typed arrays, some 50 bytes. Rows are reused, so mapping and unmapping leave
 * no garbage. A record is found by its device and an address *inside* it. It lies in the hash chain
 * of the block of 2^k bytes in which it begins, where 2^k is the smallest power of two not below
 * the record's size. A record can only reach into the next block, so a lookup searches two blocks
 * for each k in use. Few values of k are in use.
 */
import { invariant } from "../../errno.ts";
import type { Bytes } from "../../address.ts";
import type { DmaDirection } from "../attributes.ts";
import { grown, zeros } from "../../zeros.ts";

/** The call that made a mapping. */
export const MADE = {
  PHYS: 0,
  PAGE: 1,
  SINGLE: 2,
  RESOURCE: 3,
  LIST: 4,
  COHERENT: 5,
  /** A range of the two-step API; not in the hash, because a range maps nothing. */
  RANGE: 6,
  /** A run of adjacent links in a range. */
  LINK: 7,
} as const;
export type MadeBy = (typeof MADE)[keyof typeof MADE];

/** No record. */
export const NONE = -1;
/** Marks a record without a statement of a script. */
const NO_SITE = -1;

const MADE_MASK = 7;
const DIR_SHIFT = 3;
const DIR_MASK = 3;
const ATTRS_SHIFT = 5;
const ATTRS_MASK = 0x3fff;
const BLOCK_SHIFT = 24;
const BLOCK_MASK = 0x3f;

export const MARK = {
  /** The driver has called dma_mapping_error() for the mapping. */
  TESTED: 1 << 19,
  /** For a range: a call has named another device, so the links of the range are unknown. */
  CONFUSED: 1 << 19,
  /** Linked, but not yet made visible to the device. */
  UNSYNCED: 1 << 20,
  /** The one message that the checker prints about a record has been printed. */
  REPORTED: 1 << 21,
  /**
   * For a link: still linked in a range that was freed. For a range: freed by a call of another
   * API.
   */
  LEAKED: 1 << 22,
  LIVE: 1 << 23,
  /** Handed to the CPU by a sync, and not back to the device. */
  CPU: 1 << 30,
  /**
   * For coherent memory: a page of a pool. The device may use only the allocated blocks of the
   * page.
   */
  POOL: 1 << 31,
} as const;

const { RANGE } = MADE;
const { LEAKED, LIVE } = MARK;

const NO_RECORD = NONE;
/**
 * Width of the smallest blocks, as an exponent of two. Smaller blocks would mean more widths to
 * search.
 */
const SMALLEST_BLOCK_BIT = 6;
const BLOCK_BITS = 54;
const INVERSE_POWER = Float64Array.from({ length: BLOCK_BITS }, (_, bit) => 2 ** -bit);
const POWER = Float64Array.from({ length: BLOCK_BITS }, (_, bit) => 2 ** bit);
const INVERSE_2_32 = 2 ** -32;
const HASH_MULTIPLIER = 0x9e3779b1;
const FIRST_CAPACITY = 256;

/** The smallest k, at least `SMALLEST_BLOCK_BIT`, with `sizeBytes` at most 2^k. */
function blockBitOf(sizeBytes: Bytes): number {
  if (sizeBytes <= 64) return SMALLEST_BLOCK_BIT;
  if (sizeBytes <= 2 ** 31) return 32 - Math.clz32(sizeBytes - 1);
  return Math.ceil(Math.log2(sizeBytes));
}

/** An unmap's arguments for the mapping that it ends. */
export interface UnmapDescription {
  readonly dma: number;
  readonly sizeBytes: Bytes;
  readonly dir: DmaDirection;
  /** Number of entries of the list; 0 for a single buffer. */
  readonly entries: number;
}

export class RecordTable {
  /** Address of the first byte as the device sees it. */
  dma = zeros(Float64Array, FIRST_CAPACITY);
  /**
   * Physical address of the memory's first byte. For a range: the first device address that no sync
   * has handed over.
   */
  phys = zeros(Float64Array, FIRST_CAPACITY);
  sizeBytes = zeros(Float64Array, FIRST_CAPACITY);
  /** Device numbers, assigned by the ledger. */
  device = zeros(Uint16Array, FIRST_CAPACITY);
  /** Number of entries of the list that a record is an output of; 0 for all other records. */
  entries = zeros(Uint32Array, FIRST_CAPACITY);
  /** Serial number, increasing with every record. */
  serial = zeros(Uint32Array, FIRST_CAPACITY);
  lastSerial = 0;

  #site = zeros(Int32Array, FIRST_CAPACITY);
  #flags = zeros(Uint32Array, FIRST_CAPACITY);
  #next = zeros(Int32Array, FIRST_CAPACITY);
  #buckets = zeros(Int32Array, FIRST_CAPACITY).fill(NO_RECORD);
  #shift = 32 - Math.log2(FIRST_CAPACITY);
  #free: number = NO_RECORD;
  #count = 0;
  /** Number of records in blocks of each width. A width with none is not searched. */
  readonly #countOfBit = zeros(Uint32Array, BLOCK_BITS);
  readonly #bitsInUse = zeros(Uint8Array, BLOCK_BITS);
  #bits = 0;

  /** @param reclaim Called when no row is left; returns how many rows it freed. */
  constructor(private readonly reclaim: () => number) {
    this.#chainFree(0);
  }

  /** Number of live records. */
  get count(): number {
    return this.#count;
  }

  /** Number of rows for which there is room. */
  get capacity(): number {
    return this.#flags.length;
  }

  /** Bytes of host memory that the table occupies. */
  get heldBytes(): Bytes {
    return 46 * this.capacity + 4 * this.#buckets.length;
  }

  /**
   * Makes a record. The caller then calls `describe` to complete it.
   * @param spanBytes Largest size to which the record may grow.
   * @returns The record's number, which is valid until `remove`.
   */
  add(
    device: number,
    made: MadeBy,
    dma: number,
    sizeBytes: Bytes,
    site: number | null,
    spanBytes: Bytes = sizeBytes,
  ): number {
    if (this.#free === NO_RECORD) this.#makeRoom();
    const record = this.#free;
    invariant(record !== NO_RECORD && !this.isLive(record), "A live record is allocated again");
    this.#free = this.#next[record]!;
    this.#count++;
    const bit = blockBitOf(spanBytes > sizeBytes ? spanBytes : sizeBytes);
    this.dma[record] = dma;
    this.sizeBytes[record] = sizeBytes;
    this.device[record] = device;
    this.entries[record] = 0;
    this.serial[record] = ++this.lastSerial;
    this.#site[record] = site ?? NO_SITE;
    this.#flags[record] = LIVE + made + bit * 2 ** BLOCK_SHIFT;
    if (made !== RANGE) this.#hang(record, bit);
    return record;
  }

  /** Completes a new record with its memory, direction and attributes. */
  describe(record: number, phys: number, dir: DmaDirection, attrs: number): void {
    this.phys[record] = phys;
    this.#flags[record]! += (dir << DIR_SHIFT) + ((attrs & ATTRS_MASK) << ATTRS_SHIFT);
  }

  /** Forgets a record. Its fields stay readable until the next `add`. */
  remove(record: number): void {
    invariant(this.isLive(record), "A record is removed twice");
    if (this.madeBy(record) !== RANGE) this.#takeDown(record);
    this.#flags[record]! &= ~LIVE;
    this.#next[record] = this.#free;
    this.#free = record;
    this.#count--;
  }

  /** Cuts a record in two; returns the number of the part that begins at `dma`. */
  split(record: number, dma: number): number {
    const doneBytes = dma - this.dma[record]!;
    invariant(doneBytes > 0 && doneBytes < this.sizeBytes[record]!, "A record is split at its end");
    const rest = this.add(
      this.device[record]!,
      this.madeBy(record),
      dma,
      this.sizeBytes[record]! - doneBytes,
      this.site(record),
    );
    const phys = this.phys[record]! + doneBytes;
    this.describe(rest, phys, this.dir(record), this.attrs(record));
    this.#flags[rest]! |= this.#flags[record]! & (MARK.TESTED | MARK.UNSYNCED | MARK.REPORTED);
    this.sizeBytes[record] = doneBytes;
    return rest;
  }

  isLive(record: number): boolean {
    return (this.#flags[record]! & LIVE) !== 0;
  }

  madeBy(record: number): MadeBy {
    return (this.#flags[record]! & MADE_MASK) as MadeBy;
  }

  /**
   * Whether a record was made by one of several calls.
   * @param family The calls, as bits `1 << MADE.…`.
   */
  isOf(record: number, family: number): boolean {
    return (1 << this.madeBy(record) & family) !== 0;
  }

  dir(record: number): DmaDirection {
    return ((this.#flags[record]! >>> DIR_SHIFT) & DIR_MASK) as DmaDirection;
  }

  attrs(record: number): number {
    return (this.#flags[record]! >>> ATTRS_SHIFT) & ATTRS_MASK;
  }

  /** The statement that made the mapping. */
  site(record: number): number | null {
    const site = this.#site[record]!;
    return site === NO_SITE ? null : site;
  }

  end(record: number): number {
    return this.dma[record]! + this.sizeBytes[record]!;
  }

  has(record: number, mark: number): boolean {
    return (this.#flags[record]! & mark) !== 0;
  }

  mark(record: number, mark: number): void {
    this.#flags[record]! |= mark;
  }

  unmark(record: number, mark: number): void {
    this.#flags[record]! &= ~mark;
  }

  /** Whether a record may grow to a size without moving to another hash chain. */
  mayGrowTo(record: number, sizeBytes: Bytes): boolean {
    return sizeBytes <= POWER[this.#bit(record)]!;
  }

  /**
   * Visits the records of a device that begin at an address, the newest of each width first.
   * @param visit Returns true to stop. It must not add or remove records.
   */
  eachAt(device: number, dma: number, visit: (record: number) => boolean): void {
    for (let index = 0; index < this.#bits; index++) {
      const bit = this.#bitsInUse[index]!;
      const block = Math.floor(dma * INVERSE_POWER[bit]!);
      for (
        let record = this.#buckets[this.#bucketOf(device, block, bit)]!;
        record !== NO_RECORD;
        record = this.#next[record]!
      ) {
        if (
          this.dma[record] === dma && this.device[record] === device && this.#bit(record) === bit &&
          visit(record)
        ) return;
      }
    }
  }

  /**
   * The newest record of a device that matches an unmap's arguments exactly.
   *
   * @param family Calls that may have made the record, as bits `1 << MADE.…`.
   * @param excusedSerial A record up to this serial number is returned only if no later record
   *   matches.
   */
  findPerfect(
    device: number,
    { dir, dma, entries, sizeBytes }: UnmapDescription,
    family: number,
    excusedSerial: number,
  ): number {
    const bit = blockBitOf(sizeBytes);
    const block = Math.floor(dma * INVERSE_POWER[bit]!);
    let excused = NO_RECORD;
    for (
      let record = this.#buckets[this.#bucketOf(device, block, bit)]!;
      record !== NO_RECORD;
      record = this.#next[record]!
    ) {
      if (
        this.dma[record] === dma && this.sizeBytes[record] === sizeBytes &&
        this.device[record] === device && this.isOf(record, family) &&
        this.dir(record) === dir && this.entries[record] === entries
      ) {
        if (this.serial[record]! > excusedSerial) return record;
        if (excused === NO_RECORD) excused = record;
      }
    }
    return excused;
  }

  /**
   * A record of a device that contains an address; leaked records are not considered.
   * @param family Calls that may have made it, as bits `1 << MADE.…`.
   * @param otherThan A direction that the record must not have.
   */
  findAround(device: number, dma: number, family: number, otherThan: number = NO_RECORD): number {
    let found: number = NO_RECORD;
    this.eachAround(device, dma, (record) => {
      const matches = this.isOf(record, family) &&
        this.dir(record) !== otherThan && !this.has(record, LEAKED);
      if (matches) found = record;
      return matches;
    });
    return found;
  }

  /**
   * Visits the records of a device that contain an address.
   * @param visit Returns true to stop. It must not add or remove records.
   */
  eachAround(device: number, dma: number, visit: (record: number) => boolean): void {
    for (let index = 0; index < this.#bits; index++) {
      const bit = this.#bitsInUse[index]!;
      const last = Math.floor(dma * INVERSE_POWER[bit]!);
      for (let block = last; block >= last - 1; block--) {
        for (
          let record = this.#buckets[this.#bucketOf(device, block, bit)]!;
          record !== NO_RECORD;
          record = this.#next[record]!
        ) {
          const start = this.dma[record]!;
          if (
            start <= dma && dma < start + this.sizeBytes[record]! &&
            this.device[record] === device && this.#bit(record) === bit &&
            Math.floor(start * INVERSE_POWER[bit]!) === block && visit(record)
          ) return;
        }
      }
    }
  }

  /** Visits every live record. `visit` may remove the one it is given. */
  each(visit: (record: number) => void): void {
    for (let record = 0, left = this.#count; left > 0 && record < this.capacity; record++) {
      if (!this.isLive(record)) continue;
      left--;
      visit(record);
    }
  }

  #bit(record: number): number {
    return (this.#flags[record]! >>> BLOCK_SHIFT) & BLOCK_MASK;
  }

  #bucketOf(device: number, block: number, bit: number): number {
    const key = (block | 0) ^ ((block * INVERSE_2_32) << 9) ^ (device << 20) ^ (bit << 14);
    return Math.imul(key, HASH_MULTIPLIER) >>> this.#shift;
  }

  #bucketOfRecord(record: number): number {
    const bit = this.#bit(record);
    const block = Math.floor(this.dma[record]! * INVERSE_POWER[bit]!);
    return this.#bucketOf(this.device[record]!, block, bit);
  }

  #putInBucket(record: number): void {
    const bucket = this.#bucketOfRecord(record);
    this.#next[record] = this.#buckets[bucket]!;
    this.#buckets[bucket] = record;
  }

  #hang(record: number, bit: number): void {
    this.#putInBucket(record);
    if (this.#countOfBit[bit]!++ === 0) this.#bitsInUse[this.#bits++] = bit;
  }

  #takeDown(record: number): void {
    const bucket = this.#bucketOfRecord(record);
    invariant(this.#buckets[bucket] !== NO_RECORD, "A record hangs in no bucket");
    let at = this.#buckets[bucket]!;
    if (at === record) this.#buckets[bucket] = this.#next[record]!;
    else {
      while (this.#next[at] !== record) at = this.#next[at]!;
      this.#next[at] = this.#next[record]!;
    }
    const bit = this.#bit(record);
    invariant(this.#countOfBit[bit]! > 0, "More records of a size are removed than there are");
    if (--this.#countOfBit[bit]! === 0) {
      const index = this.#bitsInUse.indexOf(bit);
      this.#bitsInUse[index] = this.#bitsInUse[--this.#bits]!;
    }
  }

  /** Chains the rows from `from` on as free rows, `from` first. */
  #chainFree(from: number): void {
    for (let record = this.capacity - 1; record >= from; record--) {
      this.#next[record] = this.#free;
      this.#free = record;
    }
  }

  #makeRoom(): void {
    // If reclaiming freed only a few rows, the search through all rows would soon be repeated: grow
    // instead.
    if (this.reclaim() * 4 >= this.capacity) return;
    const old = this.capacity;
    const rows = 2 * old;
    this.dma = grown(this.dma, new Float64Array(rows));
    this.phys = grown(this.phys, new Float64Array(rows));
    this.sizeBytes = grown(this.sizeBytes, new Float64Array(rows));
    this.device = grown(this.device, new Uint16Array(rows));
    this.entries = grown(this.entries, new Uint32Array(rows));
    this.serial = grown(this.serial, new Uint32Array(rows));
    this.#site = grown(this.#site, new Int32Array(rows));
    this.#flags = grown(this.#flags, new Uint32Array(rows));
    this.#next = grown(this.#next, new Int32Array(rows));
    this.#chainFree(old);
    this.#buckets = new Int32Array(rows).fill(NO_RECORD);
    this.#shift--;
    // The records are inserted oldest first, so that the newest is at the head of its chain again.
    const hanging: number[] = [];
    for (let record = 0; record < old; record++) {
      if (this.isLive(record) && this.madeBy(record) !== RANGE) hanging.push(record);
    }
    hanging.sort((a, b) => this.serial[a]! - this.serial[b]!);
    for (const record of hanging) this.#putInBucket(record);
  }
}
