/** The checker's data of one device. */
import type { Bytes } from "../../address.ts";
import type { IntervalSet } from "../../memory/interval_set.ts";
import type { DmaDevice } from "../device/device.ts";
import { NONE } from "./record_table.ts";
import { zeros } from "../../zeros.ts";

/** Hints of a device, a power of two, and the bytes that share one. */
const HINTS = 64;
const HINT_BYTES = 4096;

/** Memory of a peer in a request, as a bus address. */
export interface BusMapping {
  readonly dma: number;
  readonly sizeBytes: Bytes;
}

export interface PooledBlock {
  /** Where it ends in its page. */
  readonly endBytes: Bytes;
  readonly used: boolean;
  /** The statement that freed it last, null for none; undefined when it was never freed. */
  readonly freedSite: number | null | undefined;
}

/** A page that a pool divides into blocks. */
export interface PoolPage {
  readonly pool: string;
  /** The block that a byte of the page lies in; null without one. */
  blockAt(offsetBytes: Bytes): PooledBlock | null;
}

/** The checker's data of a device. */
export class CheckedDevice {
  /**
   * Single mappings up to this serial number need no unmap: dma_need_unmap() returned false
   * after they were made. They may still be unmapped.
   */
  excusedSerial = 0;
  /** The addresses of records that are not kept one by one any more; null without any. */
  forgotten: IntervalSet | null = null;
  /** Memory of peers that it reaches on its bus, which no call maps: address and length of each. */
  readonly onBus: BusMapping[] = [];
  /** By where they begin for the device. */
  readonly poolPages = new Map<number, PoolPage>();
  /**
   * By page: a record that was made or found there. A hint, to be checked before it is believed; it
   * spares a device's accesses, which go to the same few queues and to new mappings, a search
   * through blocks of every width.
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
