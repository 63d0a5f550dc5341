/**
 * Tests the results of admin commands (NVM Express Base Specification 1.4, section 5), the limits
 * of the commands, and every feature.
 */
import { assertEquals } from "@std/assert";
import { STATUS } from "./_status.ts";
import { commandBytes, type CommandFields } from "../command_bytes.ts";
import { AdminCommandHandler, type AdminOptions } from "./admin.ts";
import { QueueTable } from "./queues.ts";
import { ControllerRig, type ControllerRigOptions } from "./_rig.ts";

const BUFFER = 0x10_0000;
const LIST = 0x3_0000;
const PAGE = 4096;
/**
 * 2^53, the first address that JavaScript's exact numbers do not reach, and the last page below
 * 2^53.
 */
const WIDE = 2n ** 53n;
const LAST_PAGE = WIDE - 4096n;

const {
  SUCCESS,
  TRANSFER_ERROR,
  INVALID_OPCODE,
  INVALID_FIELD,
  INTERNAL_ERROR,
  INVALID_NAMESPACE,
  SEQUENCE_ERROR,
  PRP_OFFSET,
  LOG_PAGE,
  NOT_SAVEABLE,
} = STATUS;

/** An admin queue, with functions that return [status, dword 0 of the completion]. */
function bench(options: ControllerRigOptions = {}) {
  const rig = new ControllerRig({ adminOnly: true, ...options });
  const answer = (fields: CommandFields): [status: number, result: number] => {
    const { status, result } = rig.admin(fields);
    return [status, result];
  };
  const set = (feature: number, value: number, more: Record<number, number> = {}) =>
    answer({ opcode: 0x09, dwords: { 10: feature, 11: value, ...more } });
  const get = (feature: number, value = 0) =>
    answer({ opcode: 0x0a, prp1: BUFFER, dwords: { 10: feature, 11: value } });
  return { rig, answer, set, get };
}

const ALL_FEATURES = Array.from({ length: 256 }, (_, feature) => feature);
/** Features with a value that the controller only stores. */
const KEPT = [0x01, 0x02, 0x04, 0x05, 0x06, 0x0a, 0x0b];

Deno.test("a feature that is only kept has its own value of 32 bits, 0 until it is set and after a reset (NVMe 5.21.1)", () => {
  const { get, rig, set } = bench();
  const value = (feature: number) => 0xfedc_ba00 + feature;
  for (const feature of KEPT) {
    assertEquals(get(feature), [SUCCESS, 0], `${feature}`);
    assertEquals(set(feature, value(feature)), [SUCCESS, 0], `${feature}`);
  }
  for (const feature of KEPT) assertEquals(get(feature), [SUCCESS, value(feature)]);
  rig.restart();
  for (const feature of KEPT) assertEquals(get(feature), [SUCCESS, 0]);
});

Deno.test("a feature that the controller does not have is invalid for Set Features and Get Features (NVMe 5.13, 5.21)", () => {
  const { get, rig, set } = bench();
  const known = [...KEPT, 0x07, 0x08, 0x09];
  for (const feature of ALL_FEATURES.filter((each) => !known.includes(each))) {
    rig.restart();
    const found = [set(feature, 1), get(feature)];
    assertEquals(found, [[INVALID_FIELD, 0], [INVALID_FIELD, 0]], `${feature}`);
  }
});

Deno.test("no feature is saved, and only current values are returned (NVMe 5.13, 5.21: SV, SEL)", () => {
  const { get, set } = bench();
  set(0x01, 5);
  const save = 2 ** 31;
  assertEquals(set(0x01 + save, 6), [NOT_SAVEABLE, 0]);
  assertEquals(get(0x01), [SUCCESS, 5]);
  // The seven bits below SV are reserved.
  assertEquals(set(0x7f00_0001, 7), [SUCCESS, 0]);
  for (const select of [1, 2, 3, 4, 7]) {
    assertEquals(get(0x01 + select * 256), [INVALID_FIELD, 0], `SEL ${select}`);
  }
});

Deno.test("queues are granted by the larger of the two numbers, zero-based, up to what there are (NVMe 5.21.1.7)", () => {
  const granted: [asked: number, result: number][] = [
    [0x0000_0000, 0x0000_0000],
    [0x0000_0002, 0x0002_0002],
    [0x0002_0000, 0x0002_0002],
    [0x0001_0002, 0x0002_0002],
    [0x0003_0003, 0x0003_0003],
    [0x0004_0000, 0x0003_0003],
    [0xfffe_fffe, 0x0003_0003],
  ];
  const { get, rig, set } = bench({ maxQueues: 4 });
  assertEquals(get(0x07), [SUCCESS, 0x0003_0003]);
  for (const [asked, result] of granted) {
    assertEquals(set(0x07, asked), [SUCCESS, result], `0x${asked.toString(16)}`);
    assertEquals(get(0x07), [SUCCESS, result]);
  }
  set(0x07, 0x0001_0001);
  // FFFFh is not a valid number of queues, in either half.
  for (const asked of [0x0000_ffff, 0xffff_0000, 0xffff_ffff]) {
    assertEquals(set(0x07, asked), [INVALID_FIELD, 0], `0x${asked.toString(16)}`);
    assertEquals(get(0x07), [SUCCESS, 0x0001_0001]);
  }
  rig.restart();
  assertEquals(get(0x07), [SUCCESS, 0x0003_0003]);
});

Deno.test("Interrupt Coalescing keeps its 16 bits, and a vector whether it is excepted (NVMe 5.21.1.8, 5.21.1.9)", () => {
  const { get, rig, set } = bench({ maxQueues: 2 });
  const untouched = () => {
    assertEquals(get(0x08), [SUCCESS, 0]);
    assertEquals([0, 1, 2].map((vector) => get(0x09, vector)), [
      [SUCCESS, 0],
      [SUCCESS, 1],
      [SUCCESS, 2],
    ]);
  };
  untouched();
  assertEquals(set(0x08, 0xffff_a5c3), [SUCCESS, 0]);
  assertEquals(set(0x09, 0xffff_0001), [SUCCESS, 0]);
  assertEquals(set(0x09, 0xfffe_0002), [SUCCESS, 0]);
  assertEquals(get(0x08), [SUCCESS, 0xa5c3]);
  assertEquals([0, 1, 2].map((vector) => get(0x09, vector)), [
    [SUCCESS, 0],
    [SUCCESS, 0x1_0001],
    [SUCCESS, 2],
  ]);
  for (const vector of [3, 0xffff]) {
    assertEquals(set(0x09, 0x1_0000 + vector), [INVALID_FIELD, 0]);
    assertEquals(get(0x09, vector), [INVALID_FIELD, 0]);
  }
  rig.restart();
  untouched();
});

/** A controller that requests host memory, with functions that lend it. */
function lender() {
  const found = bench({
    adminOnly: false,
    hostMemory: {
      preferredBytes: 8 * PAGE,
      minimumBytes: 2 * PAGE,
      smallestChunkBytes: PAGE,
      mostChunks: 4,
    },
  });
  const { rig, set } = found;
  const lend = (flags: number, list = LIST) => {
    rig.memory.putU64(LIST, 0x40_0000);
    rig.memory.view.setUint32(LIST + 8, 3, true);
    return set(0x0d, flags, { 12: 3, 13: list, 14: 0, 15: 1 });
  };
  /** The feature's value, and the data that Get Features returns. */
  const feature = () => {
    rig.memory.bytes.fill(0xa5, BUFFER, BUFFER + PAGE + 1);
    const answer = found.get(0x0d);
    assertEquals(rig.memory.bytes[BUFFER + PAGE], 0xa5);
    return [answer, [...new Uint32Array(rig.memory.bytes.slice(BUFFER, BUFFER + PAGE).buffer)]];
  };
  /**
   * Reads a block. Returns, for each look-up during the read, whether the block is in the host
   * memory.
   */
  const read = (lba: number) =>
    rig.record(["nvme.host_memory"], () => rig.io({ prp1: BUFFER, lba }))
      .map(({ fields }) => (fields as { hit: boolean }).hit);
  return { ...found, lend, feature, read };
}
const words = (...first: number[]) => [...first, ...new Array(PAGE / 4 - first.length).fill(0)];

Deno.test("Get Features returns the Host Memory Buffer while it is enabled, and zeros afterwards (NVMe 5.21.1.13)", () => {
  const { lend, feature } = lender();
  const none = [[SUCCESS, 0], words()];
  assertEquals(feature(), none);
  assertEquals(lend(1), [SUCCESS, 0]);
  // HSIZE, HMDLAL, HMDLAU, HMDLEC.
  assertEquals(feature(), [[SUCCESS, 1], words(3, LIST, 0, 1)]);
  assertEquals(lend(1), [SEQUENCE_ERROR, 0]);
  // Without the flag EHM, the buffer is disabled; all other flags are ignored.
  for (const flags of [0, 2, 0xffff_fffe]) {
    assertEquals([lend(flags), feature()], [[SUCCESS, 0], none]);
    assertEquals(lend(1), [SUCCESS, 0]);
  }
  assertEquals([lend(0), lend(1, LIST + 8), feature()], [[SUCCESS, 0], [INVALID_FIELD, 0], none]);
});

Deno.test("a list above 4 GiB is read with both halves of its address, and returned with both (NVMe 5.21.1.13)", () => {
  const { get, rig, set } = lender();
  const far = { 12: 3, 13: 0x1000, 14: 0x12_3456, 15: 1 };
  assertEquals(set(0x0d, 1, far), [TRANSFER_ERROR, 0]);
  assertEquals(rig.memory.faults, ["read 0x12345600001000"]);
  rig.memory.read = (_dev, _dma, into) => {
    into.fill(0);
    new DataView(into.buffer).setUint32(8, 3, true);
    return true;
  };
  rig.memory.readWords = (dev, dma, into) => {
    const bytes = new Uint8Array(into.buffer);
    bytes.set(rig.memory.bytes.subarray(dma, dma + bytes.length));
    return dev.name === "ssd";
  };
  assertEquals(set(0x0d, 1, far), [SUCCESS, 0]);
  assertEquals(get(0x0d), [SUCCESS, 1]);
  assertEquals([0, 4, 8, 12].map((at) => rig.memory.view.getUint32(BUFFER + at, true)), [
    3,
    0x1000,
    0x12_3456,
    1,
  ]);
});

Deno.test("memory that is returned holds what was in it, other memory does not (NVMe 5.21.1.13: MR)", () => {
  for (const [flags, known] of [[3, true], [1, false], [0xffff_fffd, false]] as const) {
    const { lend, read } = lender();
    lend(1);
    assertEquals([read(7), read(7)], [[false], [true]]);
    lend(0);
    assertEquals(read(7), []);
    lend(flags);
    assertEquals(read(7), [known], `${flags}`);
  }
});

Deno.test("Doorbell Buffer Config takes two pages below 2^53 (NVMe 5.7)", () => {
  const configure = (prp1: number | bigint, prp2: number | bigint, shadowDoorbells = true) =>
    bench({ shadowDoorbells }).answer({ opcode: 0x7c, prp1, prp2 });
  const [values, wakeups] = [0x20_0000, 0x21_0000];
  assertEquals(configure(values, wakeups), [SUCCESS, 0]);
  assertEquals(configure(values, wakeups, false), [INVALID_OPCODE, 0]);
  for (const beside of [4, 0x200, 0x800, 0xffc]) {
    assertEquals(configure(values + beside, wakeups), [PRP_OFFSET, 0], `${beside}`);
    assertEquals(configure(values, wakeups + beside), [PRP_OFFSET, 0], `${beside}`);
  }
  for (const [far, status] of [[LAST_PAGE, SUCCESS], [WIDE, INVALID_FIELD], [2n ** 63n, 0x4002]]) {
    assertEquals(configure(far!, wakeups), [Number(status), 0], `${far}`);
    assertEquals(configure(values, far!), [Number(status), 0], `${far}`);
  }
});

Deno.test("an admin command has PRPs and stands alone: no SGL, no fused operation (NVMe 4.2)", () => {
  const { answer } = bench({ sgl: true });
  const identify = (flags: number) =>
    answer({ opcode: 0x06, flags, nsid: 0, prp1: BUFFER, dwords: { 10: 1 } });
  for (const flags of [0x01, 0x02, 0x03, 0x40, 0x80, 0xc0]) {
    assertEquals(identify(flags), [INVALID_FIELD, 0], `${flags}`);
  }
  assertEquals(identify(0), [SUCCESS, 0]);
});

Deno.test("opcodes that the controller does not have are refused (NVMe 5)", () => {
  const known = [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x0c];
  const { answer, rig } = bench();
  for (let opcode = 0; opcode < 256; opcode++) {
    if (known.includes(opcode)) continue;
    rig.restart();
    assertEquals(answer({ opcode }), [INVALID_OPCODE, 0], `${opcode}`);
  }
});

Deno.test("there are the three log pages that must be, as long as is asked for (NVMe 5.14)", () => {
  const { answer, rig } = bench();
  const log = (dword10: number, prp1: number | bigint = BUFFER) =>
    answer({ opcode: 0x02, prp1, dwords: { 10: dword10 } });
  for (let page = 0; page < 256; page++) {
    rig.restart();
    assertEquals(log(page), [[1, 2, 3].includes(page) ? SUCCESS : LOG_PAGE, 0], `page ${page}`);
  }
  for (const dwords of [1, 2, 128, 1024]) {
    rig.memory.bytes.fill(0xa5, BUFFER, BUFFER + 2 * PAGE);
    assertEquals(log(0x01 + (dwords - 1) * 0x1_0000), [SUCCESS, 0]);
    const sent = rig.memory.bytes.slice(BUFFER, BUFFER + dwords * 4);
    assertEquals(sent, new Uint8Array(dwords * 4));
    assertEquals(rig.memory.bytes[BUFFER + dwords * 4], 0xa5);
  }
  // Invalid addresses of the log page.
  assertEquals(log(0x01, BUFFER + 2), [PRP_OFFSET, 0]);
  assertEquals(log(0x01, WIDE), [TRANSFER_ERROR, 0]);
  assertEquals(rig.memory.faults, ["write wide"]);
});

Deno.test("event requests are counted anew after a reset (NVMe 5.2)", () => {
  const { answer, rig } = bench();
  const open = () => {
    rig.queueAdmin(...new Array(4).fill({ opcode: 0x0c }));
    rig.run();
    assertEquals(rig.reap(0), []);
  };
  open();
  assertEquals(answer({ opcode: 0x0c }), [0x4105, 0]);
  rig.restart();
  open();
  assertEquals(answer({ opcode: 0x0c }), [0x4105, 0]);
});

Deno.test("structures of a namespace exist for number 1 alone, the list for all below FFFFFFFEh (NVMe 5.15)", () => {
  const { answer, rig } = bench();
  const identify = (cns: number, nsid: number) => {
    rig.memory.bytes.fill(0xa5, BUFFER, BUFFER + PAGE);
    const answered = answer({ opcode: 0x06, nsid, prp1: BUFFER, dwords: { 10: cns } });
    const sent = rig.memory.bytes[BUFFER + PAGE - 1] === 0;
    return [...answered, sent];
  };
  const [valid, refused] = [[SUCCESS, 0, true], [INVALID_NAMESPACE, 0, false]];
  for (const cns of [0x00, 0x03, 0x05]) {
    assertEquals(identify(cns, 1), valid, `${cns}`);
    for (const nsid of [0, 2, 0xffff_ffff]) assertEquals(identify(cns, nsid), refused, `${cns}`);
  }
  for (const cns of [0x01, 0x06]) assertEquals(identify(cns, 0), valid, `${cns}`);
  for (const nsid of [0, 1, 0xffff_fffd]) assertEquals(identify(0x02, nsid), valid, `${nsid}`);
  for (const nsid of [0xffff_fffe, 0xffff_ffff]) assertEquals(identify(0x02, nsid), refused);
  // The NVM command set has no such data: all zeros.
  for (const cns of [0x05, 0x06]) {
    identify(cns, 1);
    assertEquals(rig.memory.bytes.slice(BUFFER, BUFFER + PAGE), new Uint8Array(PAGE));
  }
  for (const cns of [0x04, 0x07, 0x10, 0xff]) {
    assertEquals(identify(cns, 1), [INVALID_FIELD, 0, false], `${cns}`);
  }
});

/** The handler of admin commands alone, with only some of its options. */
function commandsWith(options: Partial<AdminOptions>) {
  const commands = new AdminCommandHandler(
    { maxQueues: 2, maxQueueEntries: 64, queues: new QueueTable(), ...options } as AdminOptions,
  );
  return (fields: CommandFields) => {
    const bytes = commandBytes({ nsid: 0, ...fields });
    return [commands.execute(new DataView(bytes.buffer)), commands.result];
  };
}

Deno.test("Abort names a queue and a command, and tells by bit 0 that it has not caught it (NVMe 5.1)", () => {
  const asked: [queue: number, command: number][] = [];
  const execute = commandsWith({
    abort: (queue, command) => {
      asked.push([queue, command]);
      return command === 0xfedc;
    },
  });
  assertEquals(execute({ opcode: 0x08, dwords: { 10: 0xfedc_1234 } }), [SUCCESS, 0]);
  assertEquals(execute({ opcode: 0x08, dwords: { 10: 0xfedb_1234 } }), [SUCCESS, 1]);
  assertEquals(asked, [[0x1234, 0xfedc], [0x1234, 0xfedb]]);
});

Deno.test("a queue that a fault keeps from being made is an internal error, and is not there (NVMe 4.6.1.2.1)", () => {
  const queues = new QueueTable();
  let refuses = true;
  const execute = commandsWith({ queues, refusesQueue: () => refuses });
  for (const opcode of [0x05, 0x01]) {
    const create = { opcode, prp1: 0x8000, dwords: { 10: 0x0003_0001, 11: 0x1_0001 } };
    refuses = true;
    assertEquals(execute(create), [INTERNAL_ERROR, 0]);
    refuses = false;
    assertEquals(execute(create), [SUCCESS, 0]);
  }
});
