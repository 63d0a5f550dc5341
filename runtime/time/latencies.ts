/**
 * The costs in virtual time: the machine block's `latencies`, turned into charges.
 *
 * Most keys are charged for events; the event stream adds these charges. An event's name can be a
 * key, too: the latency of this key is added to the charges of other keys for the same event.
 * Leaves of page tables, mapped segments and copied bytes (in proportion to KiB) are not events:
 * the code that handles them calls the methods of `Charges`.
 */
import { type Bytes, KIB, type Nanoseconds } from "../address.ts";
import type { VirtualClock } from "./clock.ts";
import { eventId } from "../event_vocabulary.ts";
import type { EventStream } from "../events.ts";
import type { MachineConfig } from "../machine_config.ts";
import { duration, setting } from "../settings.ts";

const IRQ = eventId("irq");

/**
 * A key of `latencies`, the unit that it charges for, and the events, each of which counts as one
 * unit.
 */
function latency(key: string, unit: string, ...events: readonly string[]) {
  return { ...setting(key, duration(), 0, { doc: `Latency of each ${unit}.` }), unit, events };
}

/** All keys of `latencies` except names of events. */
export const LATENCY_SETTINGS = {
  iotlb_sync: latency("iotlb_sync", "IOTLB invalidation", "iotlb.sync"),
  table_write: latency("table_write", "page-table leaf entry written or cleared"),
  iova_alloc: latency("iova_alloc", "IOVA allocation", "iova.alloc"),
  map_segment: latency(
    "map_segment",
    "segment mapped: by a call of its own, as a list entry, or by a link",
  ),
  copy_per_kib: latency("copy_per_kib", "KiB copied into or out of a bounce buffer"),
  alloc: latency("alloc", "memory allocation", "mem.alloc"),
  doorbell: latency("doorbell", "doorbell write", "nvme.doorbell"),
  interrupt: latency("interrupt", "interrupt, on the CPU that handles it", "irq"),
};

/** True when any latency is above 0. */
export function hasLatencies(
  { latenciesNs }: { readonly latenciesNs: Readonly<Record<string, Nanoseconds>> },
): boolean {
  return Object.values(latenciesNs).some((latencyNs) => latencyNs > 0);
}

const EVENTS_OF_KEY: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(LATENCY_SETTINGS).map(([key, { events }]) => [key, events]),
);

export class Charges {
  /** Latency of writing or clearing one page-table leaf. 0 until latencies apply. */
  tableWriteNs: Nanoseconds = 0;
  /** Latency of copying 1024 bytes. 0 until latencies apply. */
  copyPerKibNs: Nanoseconds = 0;
  /** Latency of mapping one segment. 0 until latencies apply. */
  mapSegmentNs: Nanoseconds = 0;

  constructor(private readonly clock: VirtualClock) {}

  /** Charges for page-table leaves. */
  tableWrites(leaves: number): void {
    if (this.tableWriteNs !== 0) this.clock.nowNs += leaves * this.tableWriteNs;
  }

  /** Charges for segments that a call maps. */
  segments(count: number): void {
    if (this.mapSegmentNs !== 0) this.clock.nowNs += count * this.mapSegmentNs;
  }

  /** Makes the current CPU wait until a time. */
  waitUntil(ns: Nanoseconds): void {
    if (ns > this.clock.nowNs) this.clock.nowNs = ns;
  }

  /** Charges for copied bytes. */
  copied(sizeBytes: Bytes): void {
    this.clock.nowNs += (sizeBytes / KIB) * this.copyPerKibNs;
  }
}

/**
 * Applies latencies from this call on.
 *
 * @param config Latency keys or event names, with nanoseconds of 0 or more. If any value is above
 *   0, each CPU and each device has its own clock from this call on.
 * @param events The stream that charges the latencies of events.
 * @throws {RangeError} For a key that is neither a latency key nor an event name, or a latency
 *   below 0.
 */
export function applyLatencies(
  config: Pick<MachineConfig, "cpus" | "latenciesNs">,
  clock: VirtualClock,
  charges: Charges,
  events: EventStream,
): void {
  const { cpus, latenciesNs } = config;
  if (hasLatencies(config)) clock.startOwn(cpus);
  for (const [key, latencyNs] of Object.entries(latenciesNs)) {
    if (!(latencyNs >= 0)) throw new RangeError(`Cannot charge ${latencyNs} ns for "${key}"`);
    if (key === "table_write") charges.tableWriteNs += latencyNs;
    else if (key === "map_segment") charges.mapSegmentNs += latencyNs;
    else if (key === "copy_per_kib") charges.copyPerKibNs += latencyNs;
    else {
      for (const name of EVENTS_OF_KEY.get(key) ?? [key]) {
        const number = events.vocabulary.number(name);
        if (number < 0) throw new RangeError(`Cannot charge for "${key}": no event has that name`);
        // The event belongs to the device, but the latency is charged to the CPU:
        // `LocalClocks.interrupt`.
        if (number === IRQ && clock.own !== null) clock.own.interruptNs += latencyNs;
        else events.addLatency(number, latencyNs);
      }
    }
  }
}
