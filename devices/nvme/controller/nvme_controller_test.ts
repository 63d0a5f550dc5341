import { assertEquals } from "@std/assert";
import { ADMIN_DEPTH, ControllerRig } from "./_rig.ts";

const BUFFER = 0x10_0000;
const identify = (rig: ControllerRig, cns: number, nsid = 0) =>
  rig.admin({ opcode: 0x06, nsid, prp1: BUFFER, dwords: { 10: cns } });

Deno.test("CC.EN makes the controller ready, clearing it takes everything back", () => {
  const rig = new ControllerRig();
  const { controller } = rig;
  assertEquals(controller.read32(0x1c), 1);
  rig.queueIo({ prp1: BUFFER });
  controller.write32(0x14, 0x0046_0000);
  assertEquals(controller.read32(0x1c), 0);
  rig.run();
  assertEquals(rig.reap(1, true), [], "a command of before the reset was carried out");
  rig.memory.bytes.fill(0, 0x1000, 0x3000);
  controller.write32(0x14, 0x0046_0001);
  assertEquals(controller.read32(0x1c), 1);
});

Deno.test("an identify page may lie across two pages of the host", () => {
  const rig = new ControllerRig({ adminOnly: true });
  rig.admin({ opcode: 0x06, prp1: BUFFER + 0x800, prp2: 0x20_0000, dwords: { 10: 1 } });
  assertEquals(rig.memory.view.getUint32(BUFFER + 0x800 + 80, true), 0x0001_0400);
  assertEquals(rig.memory.bytes.slice(0x20_0000, 0x20_0800), new Uint8Array(0x800));
  assertEquals(rig.memory.bytes[BUFFER + 0x7ff], 0xa5);
  assertEquals(rig.memory.bytes[0x20_0800], 0xa5);
});

Deno.test("the smallest queue has two entries, and a base may lie above 4 GiB", () => {
  const rig = new ControllerRig({ adminOnly: true, depth: 64, maxQueues: 2 });
  const create = (opcode: number, prp1: number, dword10: number, dword11: number) =>
    rig.admin({ opcode, prp1, dwords: { 10: dword10, 11: dword11 } }).status;
  assertEquals(create(0x05, 0x8000, 0x0001_0001, 3), 0);
  assertEquals(create(0x05, 0x2_0001_8000, 0x003f_0002, 3), 0);
  assertEquals(create(0x01, 0x3_0002_4000, 0x003f_0002, 0x0002_0001), 0);
  rig.controller.write32(0x1010, 1);
  rig.run();
  assertEquals(rig.memory.faults, ["read 0x300024000"]);
});

Deno.test("a controller that is pulled answers with all ones, and hears nothing", () => {
  const rig = new ControllerRig();
  const { controller } = rig;
  assertEquals([controller.read32(0x1c), controller.read32(0x38)], [1, 0]);
  rig.queueIo({ prp1: BUFFER });
  controller.unplug();
  rig.run();
  assertEquals(rig.reap(1, true), []);
  for (const offset of [0x00, 0x04, 0x08, 0x14, 0x1c, 0x38, 0x1000]) {
    assertEquals(controller.read32(offset), 0xffff_ffff, `${offset}`);
  }
  rig.enable();
  assertEquals(controller.read32(0x1c), 0xffff_ffff);
  rig.memory.reads.length = 0;
  controller.write32(0x1000, 1);
  rig.run();
  assertEquals(rig.memory.reads, []);
});

Deno.test("the phase inverts at every wrap and the submission head is reported (nvme.md 4.2)", () => {
  const rig = new ControllerRig({ adminOnly: true });
  for (let index = 1; index <= 3 * ADMIN_DEPTH; index++) {
    const completion = identify(rig, 1);
    assertEquals(completion.status, 0);
    assertEquals(completion.sqHead, index % ADMIN_DEPTH);
    assertEquals(completion.cid, index);
  }
});

Deno.test("one doorbell for many commands runs each as an activity of its own", () => {
  const rig = new ControllerRig();
  const cids = rig.queueIo({ prp1: BUFFER }, { prp1: BUFFER + 4096 }, { prp1: BUFFER + 8192 });
  assertEquals(rig.activities.length, 3);
  rig.activities.runNext();
  assertEquals(rig.reap(1).map(({ cid }) => cid), cids.slice(0, 1));
  rig.run();
  assertEquals(rig.reap(1).map(({ cid }) => cid), cids.slice(1));
});

Deno.test("doorbells that name no queue or no entry change nothing", () => {
  const rig = new ControllerRig();
  rig.controller.write32(0x1000 + 8 * 7, 1);
  rig.controller.write32(0x1000 + 8, 999);
  rig.controller.write32(0x1000 + 12, 999);
  rig.controller.write32(0x1003, 1);
  assertEquals(rig.activities.length, 0);
  assertEquals(rig.io({ prp1: BUFFER }).status, 0);
});

Deno.test("a command that cannot be fetched, or completed, is fatal until the next reset", () => {
  for (const page of [4, 8]) {
    const rig = new ControllerRig();
    rig.memory.holes.add(page);
    rig.queueIo({ prp1: BUFFER });
    rig.run();
    assertEquals(rig.controller.read32(0x1c) & 2, 2);
    assertEquals(rig.reap(0, true), []);
    rig.memory.holes.clear();
    rig.queueIo({ prp1: BUFFER });
    rig.run();
    assertEquals(rig.reap(1, true), []);
  }
});

Deno.test("a completion queue without interrupts raises none", () => {
  const rig = new ControllerRig({ adminOnly: true });
  rig.admin({ opcode: 0x05, prp1: 0x8000, dwords: { 10: 0x003f_0001, 11: 0x0001_0001 } });
  rig.admin({ opcode: 0x01, prp1: 0x4000, dwords: { 10: 0x003f_0001, 11: 0x0001_0001 } });
  const before = rig.interrupts.length;
  assertEquals(rig.io({ prp1: BUFFER }).status, 0);
  assertEquals(rig.interrupts.length, before);
});
