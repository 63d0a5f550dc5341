/**
 * Which records begin in which line of the CPU's caches: a second way into the record table, made
 * only for machines on which it matters.
 */
import { NONE, type RecordTable } from "./record_table.ts";

/** Width of a line. @see rules/dma.md 8.2, row 15 */
const CACHE_LINE_BYTES = 64;

const FIRST_BUCKETS = 256;
const HASH_MULTIPLIER = 0x9e3779b1;

export class CacheLineRecords {
  readonly #table: RecordTable;
  /** The next record in the same bucket, by record. */
  #next: Int32Array<ArrayBuffer>;
  /** Whether a record is in here. */
  #inside: Uint8Array<ArrayBuffer>;
  #buckets = new Int32Array(FIRST_BUCKETS).fill(NONE);
  #count = 0;

  constructor(table: RecordTable) {
    this.#table = table;
    this.#next = new Int32Array(table.capacity);
    this.#inside = new Uint8Array(table.capacity);
  }

  add(record: number): void {
    if (this.#next.length < this.#table.capacity) this.#follow();
    if (this.#count === this.#buckets.length) this.#widen();
    this.#hang(record);
    this.#inside[record] = 1;
    this.#count++;
  }

  remove(record: number): void {
    if (this.#inside[record] !== 1) return;
    this.#inside[record] = 0;
    this.#count--;
    const bucket = this.#bucketOf(lineOf(this.#table, record));
    let at = this.#buckets[bucket]!;
    if (at === record) this.#buckets[bucket] = this.#next[record]!;
    else {
      while (this.#next[at] !== record) at = this.#next[at]!;
      this.#next[at] = this.#next[record]!;
    }
  }

  /**
   * The next older record that begins in the line in which `record` does, or `NONE`.
   * @param after The one before; `NONE` for the newest.
   */
  nextBeside(record: number, after: number): number {
    const line = lineOf(this.#table, record);
    let other = after === NONE ? this.#buckets[this.#bucketOf(line)]! : this.#next[after]!;
    while (other !== NONE && (other === record || lineOf(this.#table, other) !== line)) {
      other = this.#next[other]!;
    }
    return other;
  }

  #hang(record: number): void {
    const bucket = this.#bucketOf(lineOf(this.#table, record));
    this.#next[record] = this.#buckets[bucket]!;
    this.#buckets[bucket] = record;
  }

  #bucketOf(line: number): number {
    return (Math.imul(line | 0, HASH_MULTIPLIER) >>> 8) & (this.#buckets.length - 1);
  }

  #follow(): void {
    const next = new Int32Array(this.#table.capacity);
    next.set(this.#next);
    this.#next = next;
    const inside = new Uint8Array(this.#table.capacity);
    inside.set(this.#inside);
    this.#inside = inside;
  }

  #widen(): void {
    this.#buckets = new Int32Array(2 * this.#buckets.length).fill(NONE);
    for (let record = 0; record < this.#inside.length; record++) {
      if (this.#inside[record] === 1) this.#hang(record);
    }
  }
}

/** Number of the line that a record's memory begins in. */
function lineOf(table: RecordTable, record: number): number {
  return Math.floor(table.phys[record]! / CACHE_LINE_BYTES);
}
