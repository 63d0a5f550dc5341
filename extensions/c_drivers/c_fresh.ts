/**
 * Memory that a driver in C has taken and not written yet, byte by byte. The shadow has each first
 * store watched; a device that fetches uninitialised bytes is reported.
 *
 * What came zeroed is defined, so that of it only a fetch of nothing but untouched bytes is reported.
 */
import { GRANULE_BYTES } from "./c_addresses.ts";
import type { CMemory } from "./c_memory.ts";

/** The value of an uninitialised byte, where memory does not come zeroed. */
export const UNWRITTEN = 0xa5;

/** Something that was taken. */
interface Taken {
  readonly sizeBytes: number;
  readonly zeroed: boolean;
  /** The statement that took it. */
  readonly site: number | null;
  /** Its unwritten bytes were fetched before: once is enough. */
  reported: boolean;
}

/** Uninitialised bytes of a fetch. */
export interface UnwrittenBytes {
  /** From the first byte of the fetch. */
  readonly offset: number;
  readonly count: number;
  readonly site: number | null;
}

/** All bytes of a granule. */
const WHOLE = 0xff;

export class FreshMemory {
  readonly #fresh: number;
  readonly #taken = new Map<number, Taken>();
  /** Which bytes of a granule are written, where it is some of them. */
  readonly #parts = new Map<number, number>();

  /** @param freshMark The bit of a mark that says that not all of a granule is written. */
  constructor(private readonly memory: CMemory, freshMark: number) {
    this.#fresh = freshMark;
  }

  /** Memory was taken, and is open. */
  take(at: number, sizeBytes: number, zeroed: boolean, site: number | null): void {
    this.#forgetParts(at, sizeBytes);
    this.#taken.set(at, { sizeBytes, zeroed, site, reported: false });
    this.memory.markFresh(at, sizeBytes, true);
  }

  /** It was freed. */
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
    // An allocation may have more granules than are written in part.
    if (end - first > this.#parts.size) {
      for (const granule of this.#parts.keys()) {
        if (granule >= first && granule < end) this.#parts.delete(granule);
      }
      return;
    }
    for (let granule = first; granule < end; granule++) this.#parts.delete(granule);
  }

  /** The driver is about to write bytes. */
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

  /** Which of some bytes are uninitialised; null where none are that count. */
  fetched(at: number, sizeBytes: number): UnwrittenBytes | null {
    const taken = this.#takenAround(at, sizeBytes);
    if (taken === null || taken.reported) return null;
    let offset = -1;
    let count = 0;
    for (let byte = at; byte < at + sizeBytes; byte++) {
      if (this.#isWritten(byte, taken)) continue;
      if (offset < 0) offset = byte - at;
      count++;
    }
    if (count === 0 || taken.zeroed && count < sizeBytes) return null;
    taken.reported = true;
    return { offset, count, site: taken.site };
  }

  #takenAround(at: number, sizeBytes: number): Taken | null {
    for (const [start, taken] of this.#taken) {
      if (at < start + taken.sizeBytes && start < at + sizeBytes) return taken;
    }
    return null;
  }

  /** By the driver, or by a device or a script, which leave other bytes than were there. */
  #isWritten(byte: number, { zeroed }: Taken): boolean {
    if ((this.memory.markAt(byte) & this.#fresh) === 0) return true;
    if (this.memory.bytes[byte] !== (zeroed ? 0 : UNWRITTEN)) return true;
    const part = this.#parts.get(Math.floor(byte / GRANULE_BYTES)) ?? 0;
    return (part >> byte % GRANULE_BYTES & 1) !== 0;
  }
}
