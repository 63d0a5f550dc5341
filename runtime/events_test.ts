import { assertEquals } from "@std/assert";
import { VirtualClock } from "./time/clock.ts";
import { eventId } from "./event_vocabulary.ts";
import { EventStream, type MachineEvent } from "./events.ts";

const MAP = eventId("dma.map");
const IRQ = eventId("irq");

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
