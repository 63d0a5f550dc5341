/**
 * Tests the numbers in a queue's rings, tags and doorbells (rules/nvme.md 4.1 and 4.2; NVM Express
 * 1.4, 4.1, 4.6, 3.1).
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ArmedInjection,
  DMA_MAPPING_ERROR,
  INJECTION,
  KernelError,
  type PhysAddr,
} from "@dmalab/runtime";
import { DriverRig, type DriverRigOptions, pages, vec } from "../_driver_rig.ts";
import type { QueuePair } from "./queues.ts";

const SECOND_NS = 1e9;

Deno.test("places in both rings go around, and the phase inverts with each pass of completions (NVMe 4.1, 4.6)", () => {
  const depth = 3;
  const rig = new DriverRig({ depth });
  const [queue] = rig.driver.queues.io;
  for (let done = 0; done <= 4 * depth; done++) {
    const { cqHead, phase, sqRung, sqTail } = queue!.rings;
    const place = done % depth;
    assertEquals([sqTail, sqRung, cqHead], [place, place, place]);
    assertEquals(phase, Math.floor(done / depth) % 2 === 0 ? 1 : 0);
    const { cid } = rig.read(pages(1));
    assertEquals(queue!.commandIdAt(place), cid);
    assertEquals(queue!.completionAt(place), { cid: cid!, phase });
  }
});

Deno.test("each write of a ring's memory is reported with its place and size (NVMe 4.2, 4.6)", () => {
  const rig = new DriverRig({ depth: 80, shadowDoorbells: true });
  const [{ cq, shadows, sq }] = rig.driver.queues.io as [QueuePair];
  const written: [phys: number, sizeBytes: number][] = [];
  rig.machine.memory.onWrite = (phys, sizeBytes) => void written.push([phys, sizeBytes]);
  rig.disk.submit("read", { buffer: { segments: pages(1) } });
  rig.machine.runNextActivity();
  // The page of doorbell values comes before the page of event indexes. The tail of queue 1 is the
  // third word of the values.
  const values = shadows!.dma[0];
  assertEquals(written.slice(-2), [[sq.physOf(0), 64], [values + 8, 4]]);
  written.length = 0;
  rig.driver.life.reset();
  const entries = Array.from({ length: 80 }, (_, slot) => [cq.physOf(slot * 16), 16]);
  const places = new Set(entries.map(([phys]) => phys));
  const cleared = written.filter(([phys, bytes]) => bytes === 16 && places.has(phys as PhysAddr));
  assertEquals(cleared, entries as typeof cleared);
  const { memory } = rig.machine;
  assertEquals(entries.filter(([phys]) => memory.readU32(phys! + 12 as PhysAddr) !== 0), []);
});

Deno.test("a command in flight is found by its whole id, a stale one by none (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  rig.read(pages(1));
  const [request] = rig.disk.submit("read", { buffer: { segments: pages(1) } }).requests;
  rig.machine.runNextActivity();
  assertEquals([request!.cid, request!.command!.bytes[0]], [0x1000, 0x02]);
  assertEquals(rig.driver.requestOf(1, 0x1000), request!.id);
  for (const other of [0x0000, 0x2000, 0x1001]) assertEquals(rig.driver.requestOf(1, other), null);
  assertEquals([rig.driver.requestOf(0, 0x1000), rig.driver.requestOf(9, 0x1000)], [null, null]);
  assertEquals(rig.driver.sentRequests(), [request!.id]);
  rig.run();
  assertEquals([rig.driver.requestOf(1, 0x1000), rig.driver.sentRequests()], [null, []]);
});

Deno.test("a completion for no command in flight draws a warning, and is skipped (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  const warnings = rig.record(() => {
    const [queue] = rig.driver.queues.io;
    const { memory } = rig.machine;
    // An entry with command id 5 and phase 1, in the slot that the driver checks first.
    memory.writeU32(queue!.cq.physOf(12), 0x0001_0005);
    assertEquals(rig.driver.takeAll(queue!), 1);
    assertEquals(queue!.rings.cqHead, 1);
  }, ["kernel.warn"]);
  assertEquals(warnings.map(({ fields }) => (fields as { text: string }).text), [
    "queue 1 completed command id 5, which is not in flight",
  ]);
});

Deno.test("what has no resources is tried 16 times while nothing else completes (nvme.md 4.1)", () => {
  const tries = (first: number, last: number) => {
    const rig = new DriverRig();
    rig.machine.armInjection(new ArmedInjection(INJECTION.dma_map_phys, first, last));
    const calls = rig.calls("dma_map_phys");
    const { status } = rig.read(pages(1));
    return [status, rig.calls("dma_map_phys") - calls];
  };
  assertEquals(tries(1, 15), ["OK", 16]);
  assertEquals(tries(1, 16), ["RESOURCE", 16]);
  assertEquals(tries(1, 1000), ["RESOURCE", 16]);

  // After another request's completion the driver tries the starved request 16 more times.
  const rig = new DriverRig();
  const { dma } = rig.machine;
  const [starved, other] = pages(2);
  let failed = 0;
  const original = dma.dmaMapPhys.bind(dma);
  dma.dmaMapPhys = (dev, phys, ...rest) =>
    phys === starved!.phys ? (failed++, DMA_MAPPING_ERROR) : original(dev, phys, ...rest);
  const [first, second] = [starved!, other!].map((segment, index) =>
    rig.disk.submit("read", { lba: 64 * index, buffer: { segments: [segment] } })
  );
  let before = 0;
  while (!first!.done && rig.machine.runNextActivity()) if (!second!.done) before = failed;
  assertEquals([first!.status, second!.status], ["RESOURCE", "OK"]);
  assert(before > 0);
  assertEquals(failed, before + 16);
});

Deno.test("without memory for a ring there is no queue: ENOMEM (nvme.md 5.1)", () => {
  // Allocations 1 and 2 are the rings of the admin queue, 3 and 4 those of queue 1.
  for (const [nth, queue] of [[1, 0], [2, 0], [3, 1], [4, 1]] as const) {
    const faults = [new ArmedInjection(INJECTION.dma_alloc_coherent, nth, nth)];
    const error = assertThrows(() => new DriverRig({ faults }), KernelError);
    assertEquals(error.message, `Cannot allocate queue ${queue} of ssd: ENOMEM`);
  }
});

/** Seconds until the timeout of the first command that gets no answer. */
function overdueAt(options: DriverRigOptions, admin: boolean): number {
  const rig = new DriverRig(options);
  const times: number[] = [];
  rig.machine.events.listen(() => times.push(rig.machine.clock.nowNs), ["nvme.timeout"]);
  rig.machine.armInjection(new ArmedInjection(INJECTION["device.answer"], 1, 1));
  if (admin) rig.disk.passthrough({ opcode: 0x0a, admin: true, dwords: { 10: 0x0b } });
  else rig.disk.submit("read", { buffer: { segments: pages(1) } });
  rig.run();
  for (let second = 0; second < 200 && times.length === 0; second++) {
    rig.machine.advance(SECOND_NS);
    rig.run();
  }
  return times[0]! / SECOND_NS;
}

Deno.test("an I/O command has 30 s unless an option sets another time, an admin command 60 s (nvme.md 5.2)", () => {
  assertEquals([overdueAt({}, false), overdueAt({}, true)], [30, 60]);
  for (const seconds of [2, 59, 60, 61, 100]) {
    const options = { driver: { timeoutNs: seconds * SECOND_NS } };
    assertEquals([overdueAt(options, false), overdueAt(options, true)], [seconds, 60]);
  }
});

Deno.test("no timer runs for a disk without commands, or for one that is gone", () => {
  const rig = new DriverRig();
  assertEquals(rig.machine.clock.pendingTimers, 0);
  rig.machine.armInjection(new ArmedInjection(INJECTION["device.answer"], 1, 1));
  rig.disk.submit("read", { buffer: { segments: [vec(0x100_0000, 512)] } });
  rig.run();
  assertEquals(rig.machine.clock.pendingTimers, 1);
  rig.controller.unplug();
  rig.driver.life.remove();
  rig.run();
  assertEquals(rig.machine.clock.pendingTimers, 0);
});

Deno.test("a status arrives with all its 15 bits, whatever the phase is (NVMe 4.6)", () => {
  const rig = new DriverRig();
  const status = (opcode: number, dword10: number) =>
    rig.finish(rig.disk.passthrough({ opcode, admin: true, dwords: { 10: dword10 } }))
      .requests[0]!.nvmeStatus;
  // The commands go around the admin queue's ring at least twice. Each iteration sends an invalid
  // log page, an invalid feature, an invalid opcode and a valid feature.
  for (let round = 0; round < 24; round++) {
    const found = [status(0x02, 0xff), status(0x0a, 0xff), status(0xff, 0), status(0x0a, 0x0b)];
    assertEquals(found, [0x4109, 0x4002, 0x4001, 0]);
  }
});
