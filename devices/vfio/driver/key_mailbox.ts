/** A driver's record for a key before the device makes it: the addresses of all pages. */
import { type Bytes, type DmaAddr, invariant } from "@dmalab/runtime";

const ENTRY_BYTES = 8;
/** Entries come in pairs: the device counts the table in units of 16 bytes. */
const ENTRIES_PER_UNIT = 2;

export class KeyMailbox {
  readonly #table: Float64Array;
  readonly lengthBytes: Bytes;
  /** Pages of the buffer. */
  readonly entries: number;
  /** The device's number for it, once it has made a key of it. */
  key = 0;

  constructor(pages: number, pageBytes: Bytes) {
    this.entries = pages;
    this.lengthBytes = pages * pageBytes;
    this.#table = new Float64Array(Math.ceil(pages / ENTRIES_PER_UNIT) * ENTRIES_PER_UNIT);
  }

  get roomEntries(): number {
    return this.#table.length;
  }

  /** Host memory of the table. */
  get sizeBytes(): Bytes {
    return this.roomEntries * ENTRY_BYTES;
  }

  setEntry(index: number, dma: DmaAddr): void {
    invariant(index < this.entries, "An entry lies behind its table");
    this.#table[index] = dma;
  }

  entryAt(index: number): DmaAddr {
    invariant(index < this.entries, "An entry lies behind its table");
    return this.#table[index]! as DmaAddr;
  }
}
