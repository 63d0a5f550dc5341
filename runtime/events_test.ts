import { assertEquals } from "@std/assert";
import { VirtualClock } from "./time/clock.ts";
import type { DmaAddr, PhysAddr } from "./address.ts";
import { type EventFields, eventId } from "./event_vocabulary.ts";
import { EventStream, type MachineEvent } from "./events.ts";

const MAP = eventId("dma.map");
const IRQ = eventId("irq");

const MAPPED: EventFields<"dma.map"> = {
  dma: 0x1000 as DmaAddr,
  phys: 0x2000 as PhysAddr,
  size_bytes: 4096,
  dir: "to_device",
  path: "iommu",
  api: "dma_map_phys",
};

function stream() {
  const clock = new VirtualClock();
  return { clock, events: new EventStream(clock) };
}

Deno.test("events are numbered from the first, whenever a listener is added", () => {
  const { events } = stream();
  for (let count = 0; count < 3; count++) assertEquals(events.tick(MAP), false);
  assertEquals(events.seq, 3);
  const heard: MachineEvent[] = [];
  const stop = events.listen((event) => heard.push(event), ["irq"]);
  assertEquals(events.tick(MAP), false);
  assertEquals(events.tick(IRQ), true);
  events.emit(IRQ, { vector: 1, cpu: 0 });
  stop();
  assertEquals(events.tick(IRQ), false);
  assertEquals(events.seq, 6);
  events.listen((event) => heard.push(event), ["irq"]);
  if (events.tick(IRQ)) events.emit(IRQ, { vector: 2, cpu: 0 });
  assertEquals(heard.map(({ seq }) => seq), [5, 7]);
  assertEquals([events.count(MAP), events.count(IRQ)], [4, 3]);
});

Deno.test("a latency moves virtual time without a listener; reset() begins again at 0", () => {
  const { clock, events } = stream();
  events.tick(MAP);
  events.addLatency(IRQ, 2.5);
  events.tick(IRQ);
  events.tick(MAP);
  assertEquals([clock.nowNs, events.seq], [2.5, 3]);
  events.reset();
  assertEquals([events.seq, events.count(MAP)], [0, 0]);
});

Deno.test("a stream wakes after one event, the first or a later one, and none before it is built", () => {
  for (const wakeSeq of [1, 2, 5]) {
    const { events } = stream();
    const wokenAt: number[] = [];
    events.wakeAt(wakeSeq, () => void wokenAt.push(events.seq));
    const built = Array.from({ length: 6 }, () => {
      if (!events.tick(IRQ)) return 0;
      events.emit(IRQ, { vector: 1, cpu: 0 });
      return events.seq;
    });
    assertEquals([wokenAt, built.filter((seq) => seq > 0)], [[wakeSeq], [wakeSeq]]);
    events.wakeAt(0, () => {});
    assertEquals(events.attentive, false);
  }
});

Deno.test("a keeper is given the parts of each event, before any listener and until it is stopped", () => {
  const { clock, events } = stream();
  const calls: unknown[] = [];
  const stop = events.keepIn({
    keep: (seq, atNs, { cpu, device }, kind, fields, why) => {
      calls.push(["kept", seq, atNs, cpu, device, kind, fields, why]);
    },
  });
  events.listen(({ seq }) => calls.push(["heard", seq]), ["irq"]);
  clock.nowNs += 2;
  assertEquals(events.tick(MAP), true);
  events.emit(MAP, MAPPED);
  assertEquals(events.tick(IRQ), true);
  const why = { rule: "dma.1.1", inputs: { cpu: 0 } };
  events.emit(IRQ, { vector: 1, cpu: 0 }, why);
  stop();
  assertEquals(events.tick(MAP), false);
  assertEquals(calls, [
    ["kept", 1, 2, 0, null, MAP, MAPPED, null],
    ["kept", 2, 2, 0, null, IRQ, { vector: 1, cpu: 0 }, why],
    ["heard", 2],
  ]);
});
