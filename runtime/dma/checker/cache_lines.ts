/**
 * Index of records by the CPU cache line in which their memory begins. It exists only on machines
 * where shared cache lines matter.
 *
 * @see rules/dma.md 8.2, row 15
 */
import { NONE, type RecordTable } from "./record_table.ts";
import type { Bytes } from "../../address.ts";
import { countBefore } from "../../binary_search.ts";
import { CACHE_LINE_BYTES } from "../../memory/cached_page.ts";
import { grown } from "../../zeros.ts";

export class CacheLineRecords {
  /** The newest record of each line. */
  readonly #newest = new Map<number, number>();
  /** The next older record of the same line, by record. */
  #older = new Int32Array(0);

  constructor(private readonly table: RecordTable) {}

  add(record: number): void {
    const { capacity, phys } = this.table;
    if (this.#older.length < capacity) this.#older = grown(this.#older, new Int32Array(capacity));
    const line = lineOf(phys[record]!);
    this.#older[record] = this.#newest.get(line) ?? NONE;
    this.#newest.set(line, record);
  }

  /** Removes a record from the index, if the index contains it. */
  remove(record: number): void {
    const line = lineOf(this.table.phys[record]!);
    let newer: number = NONE;
    let at = this.#newest.get(line) ?? NONE;
    while (at !== record) {
      if (at === NONE) return;
      newer = at;
      at = this.#older[at]!;
    }
    const older = this.#older[record]!;
    if (newer !== NONE) this.#older[newer] = older;
    else if (older !== NONE) this.#newest.set(line, older);
    else this.#newest.delete(line);
  }

  /**
   * The next older record with memory that begins in the same line as the memory of `record`; or
   * `NONE`.
   * @param after The record to continue after; `NONE` to start with the newest.
   */
  nextBeside(record: number, after: number): number {
    const line = lineOf(this.table.phys[record]!);
    const other = after === NONE ? this.#newest.get(line) ?? NONE : this.#older[after]!;
    return other === record ? this.#older[record]! : other;
  }
}

/** The cache lines of a mapping, both ends included. */
interface Lines {
  readonly record: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Live mappings of non-coherent devices, in the order of their memory, to find mappings that share
 * a cache line.
 */
export class SharedLines {
  /** Mappings in the order of their first lines. */
  readonly #all: Lines[] = [];
  /** Number of cache lines of the longest mapping. */
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

  /**
   * Finds a record that `counts` accepts and that has a cache line in a span of memory; `NONE` if
   * there is no such record.
   */
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

  /** Index of the first mapping that begins in a line or after it. */
  #placeOf(line: number): number {
    return countBefore(this.#all.length, (index) => this.#all[index]!.first < line);
  }
}

function lineOf(phys: number): number {
  return Math.floor(phys / CACHE_LINE_BYTES);
}
