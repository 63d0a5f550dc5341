/** The driver's input for creating a key: the addresses of all pages. */
import { type Bytes, type DmaAddr, invariant } from "@dmalab/runtime";

const ENTRY_BYTES = 8;
/**
 * Number of entries in 16 bytes. The device counts the table's size in units of 16 bytes, so the
 * table has an even number of entries.
 */
const ENTRIES_PER_UNIT = 2;

export class KeyMailbox {
  readonly #table: Float64Array;
  readonly lengthBytes: Bytes;
  /** Number of pages of the buffer. */
  readonly entries: number;
  /** The key's number, once the device has created it. */
  key = 0;

  constructor(pages: number, pageBytes: Bytes) {
    this.entries = pages;
    this.lengthBytes = pages * pageBytes;
    this.#table = new Float64Array(Math.ceil(pages / ENTRIES_PER_UNIT) * ENTRIES_PER_UNIT);
  }

  get roomEntries(): number {
    return this.#table.length;
  }

  /** Size of the table in host memory. */
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
