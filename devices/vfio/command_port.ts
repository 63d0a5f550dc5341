/**
 * Commands from the driver of a device that can be migrated, and the device's answers. Besides
 * memory, both sides know nothing else of each other.
 *
 * How commands travel is the model's own: no rule says so. Tables are fetched by the device out of
 * a page that it shares with its driver, 512 entries at a time.
 */
import type { Bytes, DmaAddr } from "@dmalab/runtime";

/** Entries of a key's table that the shared page holds: 8 bytes each, an address, little-endian. */
export const ENTRIES_PER_COMMAND = 512;

/** A device's answer to a report of dirty pages. */
export interface DirtyReport {
  /** Records written: 8 bytes each, an address of the device, little-endian. */
  readonly records: number;
  /** The buffer was full: there is more to report. */
  readonly more: boolean;
}

export interface CommandPort {
  /** How many bytes a save writes. */
  readonly stateBytes: Bytes;
  /** Where the page lies that tables are fetched from. */
  shareCommandPage(dma: DmaAddr): void;
  /**
   * Begins a key: a name for a buffer that need not be contiguous.
   * @param lengthBytes What the buffer holds.
   * @returns The key's number.
   */
  beginKey(entries: number, pageBytes: Bytes, lengthBytes: Bytes): number;
  /** Has the device fetch a part of the key's table; false when it cannot read it. */
  fetchEntries(key: number, first: number, count: number): boolean;
  /** Ends a key. An unknown number is passed over. */
  destroyKey(key: number): void;
  /** Writes the device's state to the memory of a key; false when some of it cannot be written. */
  save(key: number): boolean;
  /** Loads `sizeBytes` bytes of a key as the device's state; false when it cannot read them. */
  load(key: number, sizeBytes: Bytes): boolean;
  /** Begins to note which pages of a range of its addresses the device writes. */
  track(first: DmaAddr, sizeBytes: Bytes, pageBytes: Bytes): void;
  /** Writes the noted pages to the memory of a key, and clears them; null when it cannot. */
  report(key: number): DirtyReport | null;
  stopTracking(): void;
  /** The device is reset: it knows no keys, and tracks nothing. */
  forget(): void;
}
