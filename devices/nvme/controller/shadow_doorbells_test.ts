/**
 * Tests doorbells in memory according to the Base Specification 1.4, 5.7 and 7.13: the layout of
 * their values, and the wake-ups.
 */
import { assertEquals } from "@std/assert";
import { type DmaAddr, EventStream, VirtualClock } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { FlatMemory } from "./_rig.ts";
import { HostPort } from "./host_port.ts";
import { CompletionQueue, ControllerShadowDoorbells, SubmissionQueue } from "./queues.ts";

const VALUES = 0x10_0000;
const WAKEUPS = 0x20_0000;
const DEPTH = 8;

function bench(id: number, stride: number) {
  const memory = new FlatMemory();
  memory.bytes.fill(0xee);
  const events = new EventStream(new VirtualClock());
  const shadows = new ControllerShadowDoorbells(
    new HostPort(events, new DmaDevice("ssd"), memory),
    VALUES,
    WAKEUPS,
    stride,
  );
  const completion = new CompletionQueue(id, 0 as DmaAddr, DEPTH, 0);
  const queue = new SubmissionQueue(id, 0 as DmaAddr, DEPTH, completion);
  const tailAt = 2 * id * (4 << stride);
  const headAt = (2 * id + 1) * (4 << stride);
  const value = (at: number, number: number) => memory.view.setInt32(VALUES + at, number, true);
  const wakeup = (at: number) => memory.view.getInt32(WAKEUPS + at, true);
  return { memory, shadows, completion, queue, tailAt, headAt, value, wakeup };
}

Deno.test("a tail that has moved in memory is taken, and nothing is written", () => {
  for (const id of [1, 2, 7]) {
    for (const stride of [0, 1, 3]) {
      const { memory, queue, shadows, tailAt, value } = bench(id, stride);
      for (const tail of [3, 1, 7, 0]) {
        value(tailAt, tail);
        assertEquals([shadows.lookForCommands(queue), queue.tail], ["moved", tail]);
      }
      assertEquals(memory.writes, []);
      assertEquals(memory.reads, new Array(4).fill([VALUES + tailAt, 4]));
    }
  }
});

Deno.test("a head that has moved in memory is taken from beside the tail", () => {
  for (const id of [1, 2, 7]) {
    for (const stride of [0, 1, 3]) {
      const { completion, headAt, memory, shadows, value } = bench(id, stride);
      for (const head of [3, 1, 7, 0]) {
        value(headAt, head);
        assertEquals([shadows.lookForRoom(completion), completion.head], ["moved", head]);
      }
      assertEquals([memory.writes, memory.reads[0]], [[], [VALUES + headAt, 4]]);
    }
  }
});

Deno.test("what has not moved is written down for the host, and looked at once more", () => {
  const { completion, headAt, memory, queue, shadows, tailAt, value, wakeup } = bench(3, 1);
  queue.tail = 5;
  value(tailAt, 5);
  assertEquals([shadows.lookForCommands(queue), queue.tail, wakeup(tailAt)], ["same", 5, 5]);
  assertEquals([memory.reads.splice(0), memory.writes.splice(0)], [
    [[VALUES + tailAt, 4], [VALUES + tailAt, 4]],
    [[WAKEUPS + tailAt, 4]],
  ]);
  completion.head = 2;
  value(headAt, 2);
  assertEquals([shadows.lookForRoom(completion), completion.head, wakeup(headAt)], ["same", 2, 2]);
  assertEquals([memory.reads, memory.writes], [
    [[VALUES + headAt, 4], [VALUES + headAt, 4]],
    [[WAKEUPS + headAt, 4]],
  ]);
});

Deno.test("what comes between the first look and the note is not missed", () => {
  const { memory, queue, shadows, tailAt, value } = bench(1, 0);
  value(tailAt, 0);
  const write = memory.write.bind(memory);
  memory.write = (...args) => {
    value(tailAt, 4);
    return write(...args);
  };
  assertEquals([shadows.lookForCommands(queue), queue.tail], ["moved", 4]);
});

Deno.test("memory that cannot be reached is a fault, whichever part it is", () => {
  for (const hole of [VALUES, WAKEUPS]) {
    const { completion, headAt, memory, queue, shadows, tailAt, value } = bench(1, 0);
    value(tailAt, 0);
    value(headAt, 0);
    memory.holes.add(hole / 4096);
    assertEquals([shadows.lookForCommands(queue), shadows.lookForRoom(completion)], [
      "fault",
      "fault",
    ]);
    assertEquals([queue.tail, completion.head], [0, 0]);
  }
});
