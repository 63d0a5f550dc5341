/**
 * Which records begin in which line of the CPU's caches: a second way into the record table, made
 * only for machines on which it matters.
 *
 * @see rules/dma.md 8.2, row 15
 */
import { NONE, type RecordTable } from "./record_table.ts";
import type { Bytes } from "../../address.ts";
import { countBefore } from "../../binary_search.ts";
import { CACHE_LINE_BYTES } from "../../memory/cached_page.ts";
import { grown } from "../../zeros.ts";

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
    const bucket = this.#bucketOf(lineOf(this.#table.phys[record]!));
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
    const line = lineOf(this.#table.phys[record]!);
    let other = after === NONE ? this.#buckets[this.#bucketOf(line)]! : this.#next[after]!;
    while (other !== NONE && (other === record || lineOf(this.#table.phys[other]!) !== line)) {
      other = this.#next[other]!;
    }
    return other;
  }

  #hang(record: number): void {
    const bucket = this.#bucketOf(lineOf(this.#table.phys[record]!));
    this.#next[record] = this.#buckets[bucket]!;
    this.#buckets[bucket] = record;
  }

  #bucketOf(line: number): number {
    return (Math.imul(line | 0, HASH_MULTIPLIER) >>> 8) & (this.#buckets.length - 1);
  }

  #follow(): void {
    this.#next = grown(this.#next, new Int32Array(this.#table.capacity));
    this.#inside = grown(this.#inside, new Uint8Array(this.#table.capacity));
  }

  #widen(): void {
    this.#buckets = new Int32Array(2 * this.#buckets.length).fill(NONE);
    for (let record = 0; record < this.#inside.length; record++) {
      if (this.#inside[record] === 1) this.#hang(record);
    }
  }
}

/** The cache lines of a mapping, both ends included. */
interface Lines {
  readonly record: number;
  readonly first: number;
  readonly last: number;
}

/** Live mappings of non-coherent devices by their memory: which of them share a cache line. */
export class SharedLines {
  /** In the order of their first lines. */
  readonly #all: Lines[] = [];
  /** Lines of the longest mapping. */
  #most = 0;

  add(record: number, phys: number, sizeBytes: Bytes): void {
    const first = lineOf(phys);
    const last = lineOf(phys + sizeBytes - 1);
    this.#most = Math.max(this.#most, last - first + 1);
    this.#all.splice(this.#placeOf(first), 0, { record, first, last });
  }

  remove(record: number, phys: number): void {
    const first = lineOf(phys);
    for (let at = this.#placeOf(first); this.#all[at]?.first === first; at++) {
      if (this.#all[at]!.record !== record) continue;
      this.#all.splice(at, 1);
      break;
    }
    if (this.#all.length === 0) this.#most = 0;
  }

  /** A record that `counts` and has a line in a span, or `NONE`. */
  find(phys: number, sizeBytes: Bytes, counts: (record: number) => boolean): number {
    const first = lineOf(phys);
    const last = lineOf(phys + sizeBytes - 1);
    for (let at = this.#placeOf(first - this.#most); at < this.#all.length; at++) {
      const lines = this.#all[at]!;
      if (lines.first > last) break;
      if (lines.last >= first && counts(lines.record)) return lines.record;
    }
    return NONE;
  }

  /** The place of the first mapping that begins in a line or behind it. */
  #placeOf(line: number): number {
    return countBefore(this.#all.length, (index) => this.#all[index]!.first < line);
  }
}

function lineOf(phys: number): number {
  return Math.floor(phys / CACHE_LINE_BYTES);
}
