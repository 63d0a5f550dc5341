/**
 * Commands from the driver of a migratable device, and the device's answers. The driver and the
 * device share only this interface and memory.
 *
 * The transport of commands is the model's own: no rule specifies it. The device fetches tables
 * from a page that it shares with its driver, 512 entries at a time.
 */
import type { Bytes, DmaAddr } from "@dmalab/runtime";

/**
 * Number of entries of a key's table in the shared page. An entry has 8 bytes: an address,
 * little-endian.
 */
export const ENTRIES_PER_COMMAND = 512;

/** A device's answer to a request for dirty pages. */
export interface DirtyReport {
  /** Number of records written: 8 bytes each, a DMA address, little-endian. */
  readonly records: number;
  /** Whether the buffer was full, so that there is more to report. */
  readonly more: boolean;
}

export interface CommandPort {
  /** Number of bytes that a save writes. */
  readonly stateBytes: Bytes;
  /** Sets the DMA address of the page from which tables are fetched. */
  shareCommandPage(dma: DmaAddr): void;
  /**
   * Begins to create a key. A key is an identifier for a buffer that need not be contiguous.
   * @param lengthBytes Size of the buffer.
   * @returns The key's number.
   */
  beginKey(entries: number, pageBytes: Bytes, lengthBytes: Bytes): number;
  /**
   * Makes the device fetch a part of the key's table.
   * @returns False if the device cannot read the table.
   */
  fetchEntries(key: number, first: number, count: number): boolean;
  /** Destroys a key. An unknown number is ignored. */
  destroyKey(key: number): void;
  /**
   * Writes the device's state to the memory of a key.
   * @returns False if a part of the state cannot be written.
   */
  save(key: number): boolean;
  /**
   * Loads `sizeBytes` bytes of a key's memory as the device's state.
   * @returns False if the device cannot read these bytes.
   */
  load(key: number, sizeBytes: Bytes): boolean;
  /** Begins to record which pages in a range of DMA addresses the device writes. */
  track(first: DmaAddr, sizeBytes: Bytes, pageBytes: Bytes): void;
  /**
   * Writes the recorded pages to the memory of a key, and clears the record.
   * @returns Null if the device cannot write to that memory.
   */
  report(key: number): DirtyReport | null;
  stopTracking(): void;
  /** Resets the device: it forgets all keys, and stops tracking. */
  forget(): void;
}
