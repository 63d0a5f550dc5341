/**
 * What things cost in virtual time: the machine block's `prices`, turned into charges.
 *
 * | key | charged |
 * | --- | --- |
 * | `iotlb_sync` | with each `iotlb.sync` |
 * | `iova_alloc` | with each `iova.alloc` |
 * | `map_call` | with each call that makes a mapping: `call.dma_map_phys`, `_page`, `_single`, `_resource`, `_sg`, `_sgtable` and `call.dma_iova_link` |
 * | `alloc` | with each `mem.alloc` |
 * | `doorbell` | with each `nvme.doorbell` |
 * | `interrupt` | with each `irq` |
 * | `table_write` | for each page-table leaf written or cleared, by `tableWrites` |
 * | `copy_per_kib` | for each KiB, or part of one in proportion, that a bounce buffer copies, by `copied` |
 * | an event's name | with each such event, on top of what a key above charges for it |
 *
 * The first group and the last are prices of events, which the event stream charges; leaves and
 * bytes are no events, so whoever handles them charges them here.
 */
import { type Bytes, KIB, type Nanoseconds } from "./address.ts";
import type { VirtualClock } from "./clock.ts";
import { eventNumber } from "./event_vocabulary.ts";
import type { EventStream } from "./events.ts";

const EVENTS_OF_KEY: Readonly<Record<string, readonly string[]>> = {
  iotlb_sync: ["iotlb.sync"],
  iova_alloc: ["iova.alloc"],
  map_call: [
    "call.dma_map_phys",
    "call.dma_map_page",
    "call.dma_map_single",
    "call.dma_map_resource",
    "call.dma_map_sg",
    "call.dma_map_sgtable",
    "call.dma_iova_link",
  ],
  alloc: ["mem.alloc"],
  doorbell: ["nvme.doorbell"],
  interrupt: ["irq"],
};

/** Every key `prices` knows beside the names of events, in the order of language.md. */
export const PRICE_KEYS = [
  "iotlb_sync",
  "table_write",
  "iova_alloc",
  "map_call",
  "copy_per_kib",
  "alloc",
  "doorbell",
  "interrupt",
] as const;

export class Charges {
  /** Price of one page-table leaf written or cleared. 0 until prices are in force. */
  tableWriteNs: Nanoseconds = 0;
  /** Price of copying 1024 bytes. 0 until prices are in force. */
  copyPerKibNs: Nanoseconds = 0;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Charges for page-table leaves. */
  tableWrites(leaves: number): void {
    this.#clock.nowNs += leaves * this.tableWriteNs;
  }

  /** Charges for copied bytes. */
  copied(sizeBytes: Bytes): void {
    this.#clock.nowNs += (sizeBytes / KIB) * this.copyPerKibNs;
  }
}

/**
 * Puts prices in force.
 *
 * @param pricesNs Price keys or event names, with nanoseconds of 0 or more.
 * @param events Charges the prices of events.
 * @throws {RangeError} For a key that is neither, or a price below 0.
 */
export function applyPrices(
  pricesNs: Readonly<Record<string, Nanoseconds>>,
  charges: Charges,
  events: EventStream,
): void {
  for (const [key, priceNs] of Object.entries(pricesNs)) {
    if (!(priceNs >= 0)) throw new RangeError(`Cannot charge ${priceNs} ns for "${key}"`);
    if (key === "table_write") charges.tableWriteNs += priceNs;
    else if (key === "copy_per_kib") charges.copyPerKibNs += priceNs;
    else {
      for (const name of EVENTS_OF_KEY[key] ?? [key]) {
        const number = eventNumber(name);
        if (number < 0) throw new RangeError(`Cannot charge for "${key}": no event has that name`);
        events.addPrice(number, priceNs);
      }
    }
  }
}
