import { assertEquals, assertThrows } from "@std/assert";
import type { DmaAddr, Nanoseconds, PhysAddr } from "../address.ts";
import type { MachineEvent } from "../events.ts";
import { EventLog } from "./event_log.ts";

function event(seq: number, parts: Partial<Record<keyof MachineEvent, unknown>>): MachineEvent {
  const common = { seq, at_ns: 0, cpu: 0, device: null, request: null, site: null, why: null };
  return { ...common, ...parts } as MachineEvent;
}

Deno.test("CPUs and devices are listed once for events that have them in common, from where one was", () => {
  const log = new EventLog();
  const origins: unknown[] = [];
  const keep = (cpu: number, device: string | null) => void origins.push([cpu, device]);
  const append = (cpu: number, device: string | null) =>
    log.append(event(log.count + 1, { name: "irq", cpu, device, fields: { vector: 1, cpu } }));
  for (const cpu of [0, 0, 2, 2, 2]) append(cpu, null);
  const first = log.forEachOrigin(0, keep);
  assertEquals([first, origins], [2, [[0, null], [2, null]]]);
  for (const device of ["ssd", "ssd", "nic"]) append(2, device);
  assertEquals(log.forEachOrigin(first, keep), 4);
  assertEquals(origins.slice(2), [[2, "ssd"], [2, "nic"]]);
});

Deno.test("a log has no holes and nothing behind its end", () => {
  const log = new EventLog();
  log.append(event(1, { name: "irq", fields: { vector: 1, cpu: 0 } }));
  assertThrows(
    () => log.append(event(3, { name: "irq", fields: { vector: 1, cpu: 0 } })),
    RangeError,
    "Event 3 comes after 1",
  );
  for (const seq of [0, 2, 1.5]) assertThrows(() => log.event(seq), RangeError, "no event");
});

Deno.test("equal words and lists are kept once, however many events have them", () => {
  const log = new EventLog();
  for (let seq = 1; seq <= 1000; seq++) {
    log.append(event(seq, {
      name: "iommu.unmap",
      device: "ssd",
      fields: { iova: 4096 * seq, size_bytes: 4096, unmapped_bytes: 4096, leaves: [[4096, 1]] },
    }));
  }
  // Each event has 12 bytes of head and 32 of fields, in arrays whose length is a power of two.
  // There is one context, one name and one list.
  const contexts = 32 * (16 + 8);
  assertEquals(log.hostBytes, 1024 * 12 + contexts + 4096 * 8 + (64 + 2 * 3) + (64 + 2 * 10));
});

Deno.test("fields that come in another order, and reasons of other inputs, are kept all the same", () => {
  const log = new EventLog();
  const head = { at_ns: 0 as Nanoseconds, cpu: 0, device: null, request: null, site: null };
  const name = "flush_queue.flush";
  const events: MachineEvent[] = [
    { seq: 1, ...head, name, fields: { entries: 2, reason: "full" }, why: null },
    { seq: 2, ...head, name, fields: { reason: "timer", entries: 3 }, why: null },
    {
      seq: 3,
      ...head,
      name,
      fields: { entries: 4, reason: "full" },
      why: { rule: "dma.4.1", inputs: { a: 1, b: "x", c: null, d: true } },
    },
    {
      seq: 4,
      ...head,
      name,
      fields: { entries: 5, reason: "full" },
      why: { rule: "dma.4.1", inputs: { b: 2, a: "x" } },
    },
    {
      seq: 5,
      ...head,
      name,
      fields: { entries: 6, reason: "full" },
      why: { rule: "dma.4.1", inputs: { a: 3, b: "y", c: null, d: false } },
    },
  ];
  for (const event of events) log.append(event);
  assertEquals(log.between(0, 5), events);
});

Deno.test("no event is cut where a chunk of numbers ends", () => {
  const log = new EventLog();
  const event = (seq: number): MachineEvent => ({
    seq,
    at_ns: 0 as Nanoseconds,
    cpu: 0,
    device: "ssd",
    request: null,
    site: null,
    name: "iommu.translate",
    fields: { dma: seq as DmaAddr, phys: 2 * seq as PhysAddr, access: "read", hit: "walk" },
    // If no event had a reason, the last event of a chunk would end exactly at the chunk's end.
    why: seq % 5 === 0 && seq > 4096 ? { rule: "dma.1", inputs: { seq } } : null,
  });
  for (let seq = 1; seq <= 10_000; seq++) log.append(event(seq));
  for (let seq = 1; seq <= 10_000; seq++) assertEquals(log.event(seq), event(seq));
});
