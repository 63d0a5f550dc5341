/**
 * What a controller forgets in a reset, and its rules for doorbells and completions (NVM Express 1.4, 3.1, 4.6, 7.3).
 */
import { assertEquals } from "@std/assert";
import { ControllerRig } from "./_rig.ts";

const BUFFER = 0x10_0000;
const VALUES = 0x20_0000;
const WAKEUPS = 0x21_0000;
const LIST = 0x3_0000;
const PAGE = 4096;
const HOST_MEMORY = {
  preferredBytes: 9 * PAGE,
  minimumBytes: 2 * PAGE,
  smallestChunkBytes: PAGE,
  mostChunks: 4,
};

/**
 * Reads a block; returns the number of interrupts, and how often the controller read from the given
 * pages.
 */
function read(
  rig: ControllerRig,
  ...pages: readonly number[]
): [interrupts: number, touched: number] {
  rig.interrupts.length = 0;
  rig.memory.reads.length = 0;
  assertEquals(rig.io({ prp1: BUFFER }).status, 0);
  const touched = rig.memory.reads.filter(([dma]) =>
    pages.some((page) => dma - dma % PAGE === page)
  );
  return [rig.interrupts.length, touched.length];
}

Deno.test("a reset forgets doorbells in memory: their pages are the host's again (NVMe 5.7)", () => {
  for (const doorbellStride of [0, 1]) {
    const rig = new ControllerRig({ shadowDoorbells: true, doorbellStride });
    rig.memory.bytes.fill(0, VALUES, WAKEUPS + PAGE);
    rig.memory.view.setUint32(VALUES + 2 * (4 << doorbellStride), 1, true);
    rig.admin({ opcode: 0x7c, prp1: VALUES, prp2: WAKEUPS });
    assertEquals(read(rig, VALUES), [1, 2], `stride ${doorbellStride}`);
    rig.restart();
    assertEquals(read(rig, VALUES, WAKEUPS), [1, 0]);
  }
});

Deno.test("a reset releases the Host Memory Buffer: it is neither used nor in Get Features (NVMe 5.21.1.13)", () => {
  const rig = new ControllerRig({ hostMemory: HOST_MEMORY });
  rig.memory.putU64(LIST, 0x40_0000);
  rig.memory.view.setUint32(LIST + 8, 3, true);
  const lent = () => rig.admin({ opcode: 0x0a, prp1: BUFFER, dwords: { 10: 0x0d } }).result;
  const lend = { 10: 0x0d, 11: 1, 12: 3, 13: LIST, 14: 0, 15: 1 };
  assertEquals(rig.admin({ opcode: 0x09, dwords: lend }).status, 0);
  assertEquals([lent(), read(rig, 0x40_0000)], [1, [1, 1]]);
  rig.restart();
  assertEquals([lent(), read(rig, 0x40_0000)], [0, [1, 0]]);
});

Deno.test("a block behind the disk's end is looked up nowhere", () => {
  const rig = new ControllerRig({ hostMemory: HOST_MEMORY, capacityBytes: 1000 * 512 });
  rig.memory.putU64(LIST, 0x40_0000);
  rig.memory.view.setUint32(LIST + 8, 3, true);
  rig.admin({ opcode: 0x09, dwords: { 10: 0x0d, 11: 1, 12: 3, 13: LIST, 14: 0, 15: 1 } });
  const lookedUp = (lba: number) =>
    rig.record(["nvme.host_memory"], () => rig.io({ prp1: BUFFER, lba })).length;
  assertEquals([lookedUp(0), lookedUp(999), lookedUp(1000), lookedUp(2 ** 40)], [1, 1, 0, 0]);
});

Deno.test("a reset forgets I/O queues: their doorbells do nothing, and they can be made anew (NVMe 7.3.2)", () => {
  const rig = new ControllerRig({ depth: 8 });
  rig.controller.write32(0x14, 0x0046_0000);
  rig.controller.write32(0x14, 0x0046_0001);
  assertEquals([rig.controller.ringsOf(1), rig.controller.ringsOf(0)?.sqTail], [null, 0]);
  rig.controller.write32(0x1008, 1);
  rig.controller.write32(0x100c, 1);
  assertEquals(rig.activities.length, 0);
  rig.restart();
  assertEquals(rig.controller.ringsOf(1), { sqHead: 0, sqTail: 0, cqHead: 0, cqTail: 0, phase: 1 });
});

Deno.test("a function-level reset clears the registers as well (NVMe 7.3.1)", () => {
  const rig = new ControllerRig();
  rig.controller.resetFunction();
  const { controller } = rig;
  const registers = [0x14, 0x1c, 0x24, 0x28, 0x2c, 0x30, 0x34];
  assertEquals(registers.map((offset) => controller.read32(offset)), registers.map(() => 0));
  assertEquals([controller.ringsOf(0), controller.ringsOf(1)], [null, null]);
  rig.restart();
  assertEquals(read(rig), [1, 0]);
});

Deno.test("a completion doorbell behind the ring's end is none; one within it makes room (NVMe 3.1.25)", () => {
  const rig = new ControllerRig({ depth: 4 });
  for (let index = 0; index < 3; index++) rig.queueIo({ prp1: BUFFER });
  rig.run();
  assertEquals(rig.reap(1, true).length, 3);
  rig.queueIo({ prp1: BUFFER });
  rig.run();
  for (const head of [4, 5, 0xffff]) {
    rig.controller.write32(0x100c, head);
    assertEquals([rig.activities.length, rig.controller.ringsOf(1)!.cqHead], [0, 0], `${head}`);
  }
  rig.controller.write32(0x100c, 3);
  assertEquals([rig.activities.length, rig.controller.ringsOf(1)!.cqHead], [1, 3]);
  rig.run();
  assertEquals(rig.reap(1).length, 1);
});

Deno.test("the admin queue interrupts on vector 0, an I/O queue on its own (NVMe 3.1.10, 5.3)", () => {
  for (const vector of [0, 1, 2]) {
    const rig = new ControllerRig({ adminOnly: true });
    rig.admin({
      opcode: 0x05,
      prp1: 0x8000,
      dwords: { 10: 0x003f_0001, 11: vector * 0x1_0000 + 3 },
    });
    rig.admin({ opcode: 0x01, prp1: 0x4000, dwords: { 10: 0x003f_0001, 11: 0x0001_0001 } });
    rig.io({ prp1: BUFFER });
    assertEquals(rig.interrupts, [0, 0, vector]);
  }
});
