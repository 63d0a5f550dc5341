import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ADMIN_DEPTH, ControllerRig } from "./_rig.ts";

const BUFFER = 0x10_0000;
const identify = (rig: ControllerRig, cns: number, nsid = 0) =>
  rig.admin({ opcode: 0x06, nsid, prp1: BUFFER, dwords: { 10: cns } });

Deno.test("CAP, VS and doorbells say what the settings ask for (nvme.md 5.1)", () => {
  const rig = new ControllerRig({ adminOnly: true, depth: 128, doorbellStride: 2 });
  const low = rig.controller.read32(0x00);
  const high = rig.controller.read32(0x04);
  assertEquals(low & 0xffff, 127); // MQES
  assertEquals((low >>> 16) & 1, 1); // CQR
  assert(low >>> 24 > 0); // TO
  assertEquals(high & 0xf, 2); // DSTRD
  assertEquals((high >>> 5) & 0xff, 1); // CSS: NVM
  assertEquals((high >>> 16) & 0xff, 0); // MPSMIN, MPSMAX: 4 KiB
  assertEquals(rig.controller.read32(0x08), 0x0001_0400);
  assertEquals(identify(rig, 1).status, 0);
});

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

Deno.test("an impossible setup leaves the controller not ready with CFS set", () => {
  for (const [register, value] of [[0x14, 0x0045_0001], [0x14, 0x0046_0081], [0x24, 0]]) {
    const { controller } = new ControllerRig({ adminOnly: true });
    controller.write32(0x14, 0x0046_0000);
    controller.write32(register!, value!);
    controller.write32(0x14, register === 0x14 ? value! : 0x0046_0001);
    assertEquals(controller.read32(0x1c), 2);
    controller.write32(0x14, 0x0046_0000);
    assertEquals(controller.read32(0x1c), 0);
  }
});

Deno.test("CC.SHN is answered with shutdown complete, and EN stays (nvme.md 5.1)", () => {
  const { controller } = new ControllerRig({ adminOnly: true });
  controller.write32(0x14, 0x0046_4001);
  assertEquals(controller.read32(0x1c), 0x9);
});

Deno.test("Identify Controller offers what the driver asks for (nvme.md 5.2)", () => {
  const rig = new ControllerRig({ adminOnly: true, mdtsExponent: 5, sgl: true, metadataSgl: true });
  assertEquals(identify(rig, 1).status, 0);
  const page = rig.memory.bytes.subarray(BUFFER, BUFFER + 4096);
  const { view } = rig.memory;
  assertEquals(page[77], 5); // MDTS
  assertEquals(view.getUint32(BUFFER + 80, true), 0x0001_0400); // VER
  assertEquals(page[111], 1); // CNTRLTYPE
  assertEquals(view.getUint16(BUFFER + 256, true), 0); // OACS
  assertEquals([page[512], page[513]], [0x66, 0x44]); // SQES, CQES
  assertEquals(view.getUint32(BUFFER + 516, true), 1); // NN
  assertEquals(view.getUint16(BUFFER + 520, true), 0b1101); // ONCS
  assertEquals(page[525]! & 1, 1); // VWC
  assertEquals(view.getUint32(BUFFER + 536, true), 0x8_0001); // SGLS
  assertEquals(page[768], "n".charCodeAt(0)); // SUBNQN
  assertEquals(new TextDecoder().decode(page.subarray(4, 24)).trim(), "ssd");
});

Deno.test("SGLS is 0 without SGLs, and MDTS 0 is no limit", () => {
  const rig = new ControllerRig({ adminOnly: true });
  identify(rig, 1);
  assertEquals(rig.memory.view.getUint32(BUFFER + 536, true), 0);
  assertEquals(rig.memory.bytes[BUFFER + 77], 0);
});

Deno.test("Identify Namespace tells size, block size and metadata (nvme.md 5.2)", () => {
  const rig = new ControllerRig({
    adminOnly: true,
    blockSizeBytes: 4096,
    metadataBytes: 16,
    capacityBytes: 2 ** 45,
  });
  assertEquals(identify(rig, 0, 1).status, 0);
  const page = rig.memory.bytes.subarray(BUFFER, BUFFER + 4096);
  const { view } = rig.memory;
  for (const at of [0, 8, 16]) assertEquals(view.getBigUint64(BUFFER + at, true), 2n ** 33n);
  assertEquals([page[25], page[26]], [0, 0]); // one format, metadata apart
  assertEquals(page[27], 2);
  assertEquals(view.getUint16(BUFFER + 128, true), 16);
  assertEquals(page[130], 12);
});

Deno.test("the namespace is found by every way of asking (nvme.md 5.2, namespace scan)", () => {
  const rig = new ControllerRig({ adminOnly: true });
  assertEquals(identify(rig, 2).status, 0);
  assertEquals(rig.memory.view.getUint32(BUFFER, true), 1);
  assertEquals(identify(rig, 2, 1).status, 0);
  assertEquals(rig.memory.view.getUint32(BUFFER, true), 0);
  assertEquals(identify(rig, 3, 1).status, 0);
  assertEquals([...rig.memory.bytes.subarray(BUFFER, BUFFER + 2)], [1, 8]);
  // Eight bytes, each half of them made from the name.
  const halves = [4, 8].map((at) => rig.memory.view.getUint32(BUFFER + at, true));
  assertNotEquals(halves[0], 0);
  assertNotEquals(halves[1], 0);
  assertNotEquals(halves[0], halves[1]);
  assertEquals(identify(rig, 5, 1).status, 0);
  assertEquals(identify(rig, 6).status, 0);
  assertEquals(identify(rig, 0, 2).status, 0x400b);
  assertEquals(identify(rig, 3, 0).status, 0x400b);
  assertEquals(identify(rig, 2, 0xffff_ffff).status, 0x400b);
  assertEquals(identify(rig, 8).status, 0x4002);
});

Deno.test("an identify page may lie across two pages of the host", () => {
  const rig = new ControllerRig({ adminOnly: true });
  rig.admin({ opcode: 0x06, prp1: BUFFER + 0x800, prp2: 0x20_0000, dwords: { 10: 1 } });
  assertEquals(rig.memory.view.getUint32(BUFFER + 0x800 + 80, true), 0x0001_0400);
  assertEquals(rig.memory.bytes.slice(0x20_0000, 0x20_0800), new Uint8Array(0x800));
  assertEquals(rig.memory.bytes[BUFFER + 0x7ff], 0xa5);
  assertEquals(rig.memory.bytes[0x20_0800], 0xa5);
});

Deno.test("Set Features grants at most the queues there are (nvme.md assertion 12)", () => {
  const rig = new ControllerRig({ adminOnly: true, maxQueues: 4 });
  const ask = (value: number) => rig.admin({ opcode: 0x09, dwords: { 10: 7, 11: value } });
  const { status, result } = ask(0x000f_000f);
  assertEquals([status, result], [0, 0x0003_0003]);
  assertEquals(ask(0x0001_0001).result, 0x0001_0001);
  assertEquals(rig.admin({ opcode: 0x0a, dwords: { 10: 7 } }).result, 0x0001_0001);
  assertEquals(ask(0xffff_ffff).status, 0x4002);
});

Deno.test("plain features keep their value until a reset, unknown ones are refused", () => {
  const rig = new ControllerRig({ adminOnly: true });
  assertEquals(rig.admin({ opcode: 0x09, dwords: { 10: 0x0b, 11: 0x1234 } }).status, 0);
  assertEquals(rig.admin({ opcode: 0x0a, dwords: { 10: 0x0b } }).result, 0x1234);
  assertEquals(rig.admin({ opcode: 0x09, dwords: { 10: 0x0d, 11: 1 } }).status, 0x4002);
  assertEquals(rig.admin({ opcode: 0x0a, dwords: { 10: 0x0d } }).status, 0x4002);
});

Deno.test("queues that cannot be are refused", () => {
  const rig = new ControllerRig({ adminOnly: true, depth: 64, maxQueues: 2 });
  const create = (prp1: number | bigint, dword10: number, dword11: number) =>
    rig.admin({ opcode: 0x05, prp1, dwords: { 10: dword10, 11: dword11 } }).status;
  assertEquals(create(0x8000, 0x003f_0000, 3), 0x4101); // the admin queue's number
  assertEquals(create(0x8000, 0x003f_0003, 3), 0x4101); // beyond the granted ones
  assertEquals(create(0x8000, 0x0040_0001, 3), 0x4102); // more than MQES + 1 entries
  assertEquals(create(0x8000, 0x0000_0001, 3), 0x4102); // a single entry
  assertEquals(create(0x8000, 0x003f_0001, 2), 0x4002); // not contiguous
  assertEquals(create(0x8200, 0x003f_0001, 3), 0x4013); // not page aligned
  assertEquals(create(2n ** 60n, 0x003f_0001, 3), 0x4002);
  assertEquals(create(0x8000, 0x003f_0001, 0x0003_0003), 0x4108); // no such vector
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

Deno.test("log pages, abort and asynchronous events are answered as far as they go", () => {
  const rig = new ControllerRig({ adminOnly: true });
  const log = rig.admin({ opcode: 0x02, prp1: BUFFER, dwords: { 10: 0x007f_0002 } });
  assertEquals(log.status, 0);
  assertEquals(rig.memory.bytes[BUFFER + 511], 0);
  assertEquals(rig.memory.bytes[BUFFER + 512], 0xa5);
  assertEquals(rig.admin({ opcode: 0x02, prp1: BUFFER, dwords: { 10: 5 } }).status, 0x4109);
  assertEquals(rig.admin({ opcode: 0x08, dwords: { 10: 1 } }).result, 1);
  assertEquals(rig.admin({ opcode: 0x7c }).status, 0x4001);
  assertEquals(rig.admin({ opcode: 0x06, flags: 0x40, prp1: BUFFER }).status, 0x4002);
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

Deno.test("a full completion queue holds commands back until its doorbell makes room", () => {
  const rig = new ControllerRig({ depth: 4 });
  const first = rig.queueIo({ prp1: BUFFER }, { prp1: BUFFER }, { prp1: BUFFER });
  rig.run();
  const second = rig.queueIo({ prp1: BUFFER }, { prp1: BUFFER });
  rig.run();
  assertEquals(rig.reap(1, true).map(({ cid }) => cid), first);
  rig.ringCompletion(1);
  rig.run();
  assertEquals(rig.reap(1).map(({ cid }) => cid), second);
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
