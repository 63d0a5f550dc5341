/**
 * Tracks, byte by byte, the memory that a driver in C has allocated and not yet written. The shadow
 * in `CMemory` shows the first store to each byte. If a device reads uninitialised bytes, this is
 * reported. The bytes of zeroed memory are initialised: they are zero.
 */
import { GRANULE_BYTES } from "./c_addresses.ts";
import type { CMemory } from "./c_memory.ts";

/** The value of an uninitialised byte in memory that is not zeroed. */
export const UNWRITTEN = 0xa5;

/** An allocation. */
interface Taken {
  readonly sizeBytes: number;
  /** The statement that allocated the memory. */
  readonly site: number | null;
  /** Whether a read of the memory's unwritten bytes has been reported: once is enough. */
  reported: boolean;
}

/** The uninitialised bytes in a device's read. */
export interface UnwrittenBytes {
  /** Offset of the first uninitialised byte in the read; `count`: number of uninitialised bytes. */
  readonly offset: number;
  readonly count: number;
  readonly site: number | null;
}

/** Bit mask for all bytes of a granule. */
const WHOLE = 0xff;

export class FreshMemory {
  readonly #fresh: number;
  readonly #taken = new Map<number, Taken>();
  /** For partly written granules, a bit mask of the written bytes. */
  readonly #parts = new Map<number, number>();

  /** @param freshMark The bit of a shadow mark for a granule that is not completely written. */
  constructor(private readonly memory: CMemory, freshMark: number) {
    this.#fresh = freshMark;
  }

  /** Notes an allocation that C may access. */
  take(at: number, sizeBytes: number, zeroed: boolean, site: number | null): void {
    this.#forgetParts(at, sizeBytes);
    this.memory.markFresh(at, sizeBytes, !zeroed);
    if (!zeroed) this.#taken.set(at, { sizeBytes, site, reported: false });
  }

  /** Notes that an allocation was freed. */
  give(at: number): void {
    const taken = this.#taken.get(at);
    if (taken === undefined) return;
    this.#forgetParts(at, taken.sizeBytes);
    this.#taken.delete(at);
  }

  #forgetParts(at: number, sizeBytes: number): void {
    if (this.#parts.size === 0) return;
    const first = Math.floor(at / GRANULE_BYTES);
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    // Iterates over the shorter of the two: the allocation's granules or the partly written ones.
    if (end - first > this.#parts.size) {
      for (const granule of this.#parts.keys()) {
        if (granule >= first && granule < end) this.#parts.delete(granule);
      }
      return;
    }
    for (let granule = first; granule < end; granule++) this.#parts.delete(granule);
  }

  /** Notes that the driver is about to write bytes. */
  write(at: number, sizeBytes: number): void {
    const end = at + sizeBytes;
    for (let byte = at; byte < end;) {
      const granule = Math.floor(byte / GRANULE_BYTES);
      const next = Math.min(end, (granule + 1) * GRANULE_BYTES);
      if ((this.memory.markAt(byte) & this.#fresh) !== 0) this.#writeIn(granule, byte, next);
      byte = next;
    }
  }

  #writeIn(granule: number, from: number, to: number): void {
    const first = from % GRANULE_BYTES;
    const bits = (1 << (to - from)) - 1 << first;
    const written = (this.#parts.get(granule) ?? 0) | bits;
    if (written === WHOLE) {
      this.#parts.delete(granule);
      this.memory.markFresh(granule * GRANULE_BYTES, GRANULE_BYTES, false);
    } else this.#parts.set(granule, written);
  }

  /**
   * The uninitialised bytes among the bytes that a device reads; null if there is nothing to
   * report.
   */
  fetched(at: number, sizeBytes: number): UnwrittenBytes | null {
    const taken = this.#takenAround(at, sizeBytes);
    if (taken === null || taken.reported) return null;
    let offset = -1;
    let count = 0;
    for (let byte = at; byte < at + sizeBytes; byte++) {
      if (this.#isWritten(byte)) continue;
      if (offset < 0) offset = byte - at;
      count++;
    }
    if (count === 0) return null;
    taken.reported = true;
    return { offset, count, site: taken.site };
  }

  #takenAround(at: number, sizeBytes: number): Taken | null {
    for (const [start, taken] of this.#taken) {
      if (at < start + taken.sizeBytes && start < at + sizeBytes) return taken;
    }
    return null;
  }

  /**
   * Whether a byte was written. Writes of the driver are recorded. Writes of a device or a script
   * are recognised because they change the value.
   */
  #isWritten(byte: number): boolean {
    if ((this.memory.markAt(byte) & this.#fresh) === 0) return true;
    if (this.memory.bytes[byte] !== UNWRITTEN) return true;
    const part = this.#parts.get(Math.floor(byte / GRANULE_BYTES)) ?? 0;
    return (part >> byte % GRANULE_BYTES & 1) !== 0;
  }
}
