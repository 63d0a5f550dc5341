/**
 * The controller's internal memory for data on its way between medium and host.
 *
 * The same bytes can be written as 64-bit words, which is what makes producing a fresh disk's
 * content cheap (`pattern_store.ts`).
 */
import type { Bytes } from "@dmalab/runtime";

/** Memory that a store's content goes to: the controller's own, or a page of the host's. */
export interface StoreTarget {
  readonly bytes: Uint8Array;
  /** The same memory in 64-bit words. */
  readonly doubles: Float64Array;
}

export class TransferBuffer implements StoreTarget {
  readonly bytes: Uint8Array;
  readonly doubles: Float64Array;

  /** @param sizeBytes A multiple of 8. */
  constructor(sizeBytes: Bytes) {
    const memory = new ArrayBuffer(sizeBytes);
    this.bytes = new Uint8Array(memory);
    this.doubles = new Float64Array(memory);
  }
}
