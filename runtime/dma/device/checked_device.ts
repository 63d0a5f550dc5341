/** The checker's data of one device. */
import type { Bytes } from "../../address.ts";
import type { IntervalSet } from "../../memory/interval_set.ts";
import type { DmaDevice } from "./device.ts";
import { NONE } from "../checker/record_table.ts";
import { zeros } from "../../zeros.ts";

/** Number of hints for each device, a power of two. Each hint covers `HINT_BYTES` bytes of addresses. */
const HINTS = 64;
const HINT_BYTES = 4096;

/** Memory of a peer in a request, mapped by its bus address. */
export interface BusMapping {
  readonly dma: number;
  readonly sizeBytes: Bytes;
}

export interface PooledBlock {
  /** Offset of the block's end in its page. */
  readonly endBytes: Bytes;
  readonly used: boolean;
  /** The statement that freed the block last, null if unknown; undefined when it was never freed. */
  readonly freedSite: number | null | undefined;
}

/** A page that a pool divides into blocks. */
export interface PoolPage {
  readonly pool: string;
  /** The block that contains a byte of the page; null when none does. */
  blockAt(offsetBytes: Bytes): PooledBlock | null;
}

/** The checker's data of a device. */
export class CheckedDevice {
  /**
   * Single mappings up to this serial number need no unmap, because dma_need_unmap() returned false
   * after they were made. The driver may still unmap them.
   */
  excusedSerial = 0;
  /**
   * The addresses of records that the checker no longer keeps one by one; null if there are no such
   * records.
   */
  forgotten: IntervalSet | null = null;
  /**
   * Peer memory that the device reaches by bus address, without a mapping. An element has the
   * address and the length.
   */
  readonly onBus: BusMapping[] = [];
  /** Pages by their first address for the device. */
  readonly poolPages = new Map<number, PoolPage>();
  /**
   * For all pages with the same page number modulo `HINTS`, the record that was last made or found
   * there. It is only a hint and must be checked before use. A device mostly accesses a few queues
   * and new mappings. For these, the hint saves a search of the record table, which has blocks of
   * several widths.
   */
  readonly #hints = zeros(Int32Array, HINTS).fill(NONE);

  constructor(readonly ledger: object, readonly dev: DmaDevice, readonly number: number) {}

  /** The record to check first for an address; `NONE` without a hint. */
  hintFor(dma: number): number {
    return this.#hints[(dma / HINT_BYTES) & (HINTS - 1)]!;
  }

  hint(dma: number, record: number): void {
    this.#hints[(dma / HINT_BYTES) & (HINTS - 1)] = record;
  }
}
