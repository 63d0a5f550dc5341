/** What the checker keeps of one device. */
import type { DmaDevice } from "../device/device.ts";
import { NONE } from "./record_table.ts";
import { zeros } from "../../zeros.ts";

/** Hints of a device, a power of two, and the bytes that share one. */
const HINTS = 64;
const HINT_BYTES = 4096;

/** What the checker keeps of a device. */
export class CheckedDevice {
  /**
   * Single mappings up to this serial number need no unmap: dma_need_unmap() returned false
   * after they were made. They may still be unmapped.
   */
  excusedSerial = 0;
  /** Some of those are not remembered any more. */
  forgotten = false;
  /**
   * By page: a record that was made or found there. A hint, to be checked before it is believed; it
   * spares a device's accesses, which go to the same few queues and to what was mapped just now, a
   * search through blocks of every width.
   */
  readonly #hints = zeros(Int32Array, HINTS).fill(NONE);

  constructor(readonly ledger: object, readonly dev: DmaDevice, readonly number: number) {}

  /** The record to look at first for an address; `NONE` when nothing is known. */
  hintFor(dma: number): number {
    return this.#hints[(dma / HINT_BYTES) & (HINTS - 1)]!;
  }

  hint(dma: number, record: number): void {
    this.#hints[(dma / HINT_BYTES) & (HINTS - 1)] = record;
  }
}
