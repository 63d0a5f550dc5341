import { assertEquals, assertThrows } from "@std/assert";
import { VirtualClock } from "./time/clock.ts";
import { eventId } from "./event_vocabulary.ts";
import { EventStream } from "./events.ts";
import { HostBudget, MemoryLimitError } from "./host_budget.ts";
import { EventRecorder } from "./recorder.ts";
import { EventLog } from "./recording/event_log.ts";

const IRQ = eventId("irq");

function raise(stream: EventStream, times: number): void {
  for (let vector = 0; vector < times; vector++) {
    if (stream.tick(IRQ)) stream.emit(IRQ, { vector, cpu: 0 });
  }
}

Deno.test("EventRecorder keeps the first events, counts the others, and has none of them built", () => {
  const stream = new EventStream(new VirtualClock());
  const recorder = new EventRecorder(stream, 3, new HostBudget());
  recorder.start();
  raise(stream, 2);
  assertEquals(recorder.droppedEvents, 0);
  raise(stream, 5);
  assertEquals(recorder.events.map((event) => event.seq), [1, 2, 3]);
  assertEquals(recorder.droppedEvents, 4);
  assertEquals(stream.count(IRQ), 7);
  assertEquals(stream.tick(IRQ), false);
});

Deno.test("a full EventRecorder does not start again, and others go on listening", () => {
  const stream = new EventStream(new VirtualClock());
  const heard: number[] = [];
  stream.listen((event) => heard.push(event.seq));
  const recorder = new EventRecorder(stream, 1, new HostBudget());
  recorder.start();
  raise(stream, 2);
  recorder.start();
  raise(stream, 1);
  assertEquals(recorder.recording, false);
  assertEquals(recorder.events.length, 1);
  assertEquals(recorder.droppedEvents, 2);
  assertEquals(heard, [1, 2, 3]);
});

Deno.test("EventRecorder.after() gives the events above a number", () => {
  const stream = new EventStream(new VirtualClock());
  const recorder = new EventRecorder(stream, 10, new HostBudget());
  recorder.start();
  raise(stream, 4);
  assertEquals(recorder.after(2).map((event) => event.seq), [3, 4]);
});

Deno.test("what is kept counts against the budget, and an event that it has no room for is not kept", () => {
  const budget = new HostBudget(1000);
  const stream = new EventStream(new VirtualClock());
  const recorder = new EventRecorder(stream, 10, budget);
  recorder.start();
  raise(stream, 2);
  assertThrows(() => raise(stream, 1), MemoryLimitError);
  assertEquals([recorder.events.length, budget.usedBytes], [2, 768]);
});

Deno.test("an EventRecorder that reads from a log records up to its limit", () => {
  const stream = new EventStream(new VirtualClock());
  const recorder = new EventRecorder(stream, 3, new HostBudget());
  recorder.readFrom(new EventLog(), 0);
  stream.listen(() => {});
  raise(stream, 2);
  assertEquals(recorder.recording, true);
  raise(stream, 1);
  assertEquals(recorder.recording, false);
});

Deno.test("an EventRecorder that reads elsewhere charges for so many events as it keeps, and has none built", () => {
  const kept = new HostBudget();
  const keeping = new EventStream(new VirtualClock());
  new EventRecorder(keeping, 3, kept).start();
  raise(keeping, 5);

  const charged = new HostBudget();
  const stream = new EventStream(new VirtualClock());
  const recorder = new EventRecorder(stream, 3, charged);
  recorder.start();
  recorder.readFrom({ count: Infinity, between: () => [] }, recorder.limitEvents);
  assertEquals(stream.tick(IRQ), false);
  raise(stream, 4);
  assertEquals(charged.heldBytes, kept.heldBytes);
  assertEquals(charged.takeWork(), kept.takeWork());
  assertEquals([recorder.count, recorder.droppedEvents, stream.seq], [3, 2, 5]);
});
