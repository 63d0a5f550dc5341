import { assertEquals, assertThrows } from "@std/assert";
import { VirtualClock } from "./clock.ts";
import { eventId } from "../event_vocabulary.ts";
import { EventStream } from "../events.ts";
import { applyLatencies, Charges, LATENCY_SETTINGS } from "./latencies.ts";

function timed(latencies: Record<string, number>) {
  const clock = new VirtualClock();
  const events = new EventStream(clock);
  const charges = new Charges(clock);
  applyLatencies({ latenciesNs: latencies, cpus: 1 }, clock, charges, events);
  return { clock, events, charges };
}

Deno.test("a latency key charges the events it stands for", () => {
  const { clock, events } = timed({ iotlb_sync: 300, doorbell: 7, interrupt: 5, iova_alloc: 2 });
  events.tick(eventId("iotlb.sync"));
  assertEquals(clock.nowNs, 300);
  events.tick(eventId("nvme.doorbell"));
  events.tick(eventId("irq"));
  assertEquals(clock.nowNs, 307);
  clock.own!.interrupt(0);
  events.tick(eventId("iova.alloc"));
  events.tick(eventId("iova.free"));
  assertEquals(clock.nowNs, 314);
});

Deno.test("one nanosecond is a latency, and none is not", () => {
  assertEquals([timed({ doorbell: 1 }).clock.own === null, timed({ interrupt: 0 }).clock.own], [
    false,
    null,
  ]);
});

Deno.test("an event's own latency comes on top of its key's", () => {
  const { clock, events } = timed({ alloc: 10, "mem.alloc": 3, "mem.free": 1 });
  events.tick(eventId("mem.alloc"));
  events.tick(eventId("mem.free"));
  assertEquals(clock.nowNs, 14);
});

Deno.test("leaves and copied bytes are charged by number", () => {
  const { clock, charges } = timed({ table_write: 20, copy_per_kib: 64 });
  charges.tableWrites(3);
  assertEquals(clock.nowNs, 60);
  charges.copied(512);
  assertEquals(clock.nowNs, 92);
  // Without a latency a segment costs no time.
  charges.segments(16);
  assertEquals(clock.nowNs, 92);
});

Deno.test("segments and leaves are charged where they have a latency, from 1 ns on", () => {
  for (const latencyNs of [1, 5]) {
    const { clock, charges } = timed({ map_segment: latencyNs, table_write: latencyNs });
    charges.segments(16);
    assertEquals(clock.nowNs, 16 * latencyNs);
    charges.tableWrites(4);
    assertEquals(clock.nowNs, 20 * latencyNs);
  }
});

Deno.test("every key of language.md is known, and nothing else but events", () => {
  for (const key of Object.keys(LATENCY_SETTINGS)) timed({ [key]: 1 });
  assertThrows(() => timed({ table_writes: 1 }), RangeError, '"table_writes"');
  assertThrows(() => timed({ alloc: -1 }), RangeError, "-1 ns");
});
