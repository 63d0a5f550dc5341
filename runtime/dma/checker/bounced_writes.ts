/**
 * What the CPU has written to bounced buffers in its turn, and no copy has taken along: the next copy
 * of the bounce buffer to the memory overwrites it.
 *
 * @see rules/dma.md 6.3
 */
import type { Bytes } from "../../address.ts";
import { IntervalSet } from "../../memory/interval_set.ts";

/** What a copy meets of one statement's writes. */
export interface MetWrite {
  /** The statement that wrote. */
  readonly site: number | null;
  /** The first of the bytes. */
  readonly phys: number;
  readonly sizeBytes: Bytes;
}

export class BouncedWrites {
  /** Addresses of bytes, by record and by the statement that wrote them last. */
  readonly #ofRecord = new Map<number, Map<number | null, IntervalSet>>();

  get isEmpty(): boolean {
    return this.#ofRecord.size === 0;
  }

  /** A statement has written memory of a record from `start` to `end - 1`. */
  add(record: number, site: number | null, start: number, end: number): void {
    const bySite = this.#ofRecord.get(record) ?? new Map<number | null, IntervalSet>();
    for (const bytes of bySite.values()) bytes.delete(start, end);
    const bytes = bySite.get(site) ?? new IntervalSet();
    bytes.add(start, end);
    this.#ofRecord.set(record, bySite.set(site, bytes));
  }

  /** Takes out what lies from `start` to `end - 1`. */
  take(record: number, start: number, end: number): MetWrite[] {
    const met: MetWrite[] = [];
    const bySite = this.#ofRecord.get(record);
    for (const [site, bytes] of bySite ?? []) {
      const inside = bytes.intervals().filter(([from, to]) => from < end && start < to);
      const sizeBytes = inside.reduce(
        (sum, [from, to]) => sum + Math.min(to, end) - Math.max(from, start),
        0,
      );
      const phys = bytes.firstIn(start, end);
      bytes.delete(start, end);
      if (phys >= 0) met.push({ site, phys, sizeBytes });
      if (bytes.count === 0) bySite!.delete(site);
    }
    if (bySite?.size === 0) this.forget(record);
    return met;
  }

  /** The mapping has ended. */
  forget(record: number): void {
    this.#ofRecord.delete(record);
  }
}
