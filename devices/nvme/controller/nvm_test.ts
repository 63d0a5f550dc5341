import { assertEquals } from "@std/assert";
import type { CommandFields } from "../command_bytes.ts";
import { ControllerRig, fresh } from "./_rig.ts";

const READ = 0x02;
const COMPARE = 0x05;
const WRITE_ZEROES = 0x08;
const DATASET_MANAGEMENT = 0x09;

const BUFFER = 0x10_0000;
const LIST = 0x9000;
const METADATA_TAG = 0x4d00_0000_0000_0000n;

Deno.test("a read through PRP pieces of odd lengths keeps every byte in its place", () => {
  const rig = new ControllerRig();
  rig.memory.putU64(LIST, 0x20_0000);
  rig.memory.putU64(LIST + 8, 0x21_0000);
  const io = rig.io({ prp1: BUFFER + 0xffc, prp2: LIST, lba: 2 ** 30, blocks: 16 });
  assertEquals(io.status, 0);
  const expected = fresh(2 ** 39, 8192);
  const { bytes } = rig.memory;
  assertEquals(bytes.slice(BUFFER + 0xffc, BUFFER + 0x1000), expected.slice(0, 4));
  assertEquals(bytes.slice(0x20_0000, 0x20_1000), expected.slice(4, 4100));
  assertEquals(bytes.slice(0x21_0000, 0x21_0ffc), expected.slice(4100));
  assertEquals(bytes[0x21_0ffc], 0xa5);
});

Deno.test("a transfer of several MiB through one descriptor arrives whole", () => {
  const rig = new ControllerRig({ sgl: true });
  const size = 3 * 2 ** 20 + 512;
  const sgl = [0x40_0003, size, 0] as const;
  assertEquals(rig.io({ flags: 0x40, sgl, lba: 5, blocks: size / 512 }).status, 0);
  assertEquals(rig.memory.bytes.slice(0x40_0003, 0x40_0003 + size), fresh(5 * 512, size));
  assertEquals(rig.memory.bytes[0x40_0002], 0xa5);
  assertEquals(rig.memory.bytes[0x40_0003 + size], 0xa5);
});

Deno.test("blocks of 4 KiB are counted as such", () => {
  const rig = new ControllerRig({ blockSizeBytes: 4096 });
  assertEquals(rig.io({ prp1: BUFFER, prp2: BUFFER + 4096, lba: 3, blocks: 2 }).status, 0);
  assertEquals(rig.memory.bytes.slice(BUFFER, BUFFER + 8192), fresh(12288, 8192));
});

Deno.test("separate metadata travels with its blocks: flat pointer, PRP and SGL alike", () => {
  const rig = new ControllerRig({ metadataBytes: 8, sgl: true });
  const read = { lba: 10, blocks: 4, mptr: 0x30_0004 };
  for (
    const fields of [
      { ...read, prp1: BUFFER },
      { ...read, flags: 0x40, sgl: [BUFFER, 2048, 0] as const },
    ]
  ) {
    rig.memory.bytes.fill(0xa5, BUFFER, 0x40_0000);
    assertEquals(rig.io(fields).status, 0);
    assertEquals(rig.memory.bytes.slice(BUFFER, BUFFER + 2048), fresh(5120, 2048));
    assertEquals(rig.memory.bytes.slice(0x30_0004, 0x30_0024), fresh(80, 32, METADATA_TAG));
    assertEquals(rig.memory.bytes[0x30_0003], 0xa5);
    assertEquals(rig.memory.bytes[0x30_0024], 0xa5);
  }
});

Deno.test("compare tells equal from different, in data and in metadata", () => {
  const rig = new ControllerRig({ metadataBytes: 8 });
  const fields = { prp1: BUFFER, mptr: 0x30_0000, lba: 9, blocks: 2 };
  assertEquals(rig.io({ ...fields, opcode: READ }).status, 0);
  assertEquals(rig.io({ ...fields, opcode: COMPARE }).status, 0);
  rig.memory.bytes[0x30_000f]! ^= 1;
  assertEquals(rig.io({ ...fields, opcode: COMPARE }).status, 0x4285);
  rig.memory.bytes[0x30_000f]! ^= 1;
  rig.memory.bytes[BUFFER + 1023]! ^= 1;
  assertEquals(rig.io({ ...fields, opcode: COMPARE }).status, 0x4285);
});

Deno.test("write zeroes and deallocation make blocks and their metadata zero, and no others", () => {
  const rig = new ControllerRig({ metadataBytes: 8 });
  assertEquals(rig.io({ opcode: WRITE_ZEROES, lba: 5, blocks: 3 }).status, 0);
  const data = fresh(0, 8192);
  data.fill(0, 2560, 4096);
  assertEquals(rig.media.data.bytes(0, 8192), data);
  const metadata = fresh(0, 128, METADATA_TAG);
  metadata.fill(0, 40, 64);
  assertEquals(rig.media.metadata.bytes(0, 128), metadata);

  const { view } = rig.memory;
  view.setUint32(BUFFER, 0, true);
  view.setUint32(BUFFER + 4, 2, true);
  view.setBigUint64(BUFFER + 8, 1n, true);
  view.setUint32(BUFFER + 16, 0, true);
  view.setUint32(BUFFER + 20, 1, true);
  view.setBigUint64(BUFFER + 24, 12n, true);
  const dsm = { opcode: DATASET_MANAGEMENT, prp1: BUFFER };
  assertEquals(rig.io({ ...dsm, dwords: { 10: 1, 11: 0 } }).status, 0);
  assertEquals(rig.media.data.bytes(0, 8192), data, "a hint that is no deallocation");
  assertEquals(rig.io({ ...dsm, dwords: { 10: 1, 11: 4 } }).status, 0);
  data.fill(0, 512, 1536);
  data.fill(0, 6144, 6656);
  assertEquals(rig.media.data.bytes(0, 8192), data);
});

Deno.test("a list of ranges may lie across two pages of the host", () => {
  const rig = new ControllerRig();
  const { view } = rig.memory;
  const entry = (at: number, lba: number, blocks: number) => {
    view.setUint32(at, 0, true);
    view.setUint32(at + 4, blocks, true);
    view.setBigUint64(at + 8, BigInt(lba), true);
  };
  entry(BUFFER + 0xff0, 1, 2);
  entry(BUFFER + 0x10_0000, 8, 1);
  entry(BUFFER + 0x10_0010, 12, 1);
  const command = { opcode: DATASET_MANAGEMENT, prp1: BUFFER + 0xff0, prp2: BUFFER + 0x10_0000 };
  assertEquals(rig.io({ ...command, dwords: { 10: 2, 11: 4 } }).status, 0);
  const data = fresh(0, 8192);
  for (const [from, to] of [[512, 1536], [4096, 4608], [6144, 6656]]) data.fill(0, from, to);
  assertEquals(rig.media.data.bytes(0, 8192), data);
});

Deno.test("dataset management checks every range before it forgets any", () => {
  const rig = new ControllerRig({ capacityBytes: 512 * 1000 });
  const { view } = rig.memory;
  view.setUint32(BUFFER + 4, 8, true);
  view.setBigUint64(BUFFER + 8, 0n, true);
  view.setUint32(BUFFER + 20, 1, true);
  view.setBigUint64(BUFFER + 24, 1000n, true);
  const dsm = { opcode: DATASET_MANAGEMENT, prp1: BUFFER, dwords: { 10: 1, 11: 4 } };
  assertEquals(rig.io(dsm).status, 0x4080);
  assertEquals(rig.media.data.bytes(0, 4096), fresh(0, 4096));
});

/** Writes a PRP list of five data pages, for a read of 20 KiB or more. */
function putPrpList(rig: ControllerRig): void {
  for (let index = 0; index < 5; index++) {
    rig.memory.putU64(LIST + index * 8, 0x20_0000 + index * 0x1_0000);
  }
}

Deno.test("a fault in the middle of the data ends the command there", () => {
  const rig = new ControllerRig();
  putPrpList(rig);
  rig.memory.holes.add(0x21_0000 / 4096);
  const events = rig.record(["nvme.data"], () => {
    assertEquals(rig.io({ prp1: BUFFER, prp2: LIST, blocks: 48 }).status, 0x0004);
  });
  assertEquals(events.length, 2);
  assertEquals(rig.memory.bytes.slice(0x20_0000, 0x20_1000), fresh(4096, 4096));
  assertEquals(rig.memory.bytes.slice(0x22_0000, 0x22_1000), new Uint8Array(4096).fill(0xa5));
});

Deno.test("a command refused for its metadata has delivered its data (tests/golden/defects, ptshort_none)", () => {
  const rig = new ControllerRig({ sgl: true, metadataSgl: true, metadataBytes: 8 });
  rig.memory.putSgl(LIST, 0x30_0000, 8, 0);
  const before = rig.memory.bytes.slice(0x30_0000, 0x30_1000);
  const fields: CommandFields = { flags: 0x80, sgl: [BUFFER, 4096, 0], blocks: 8, mptr: LIST };
  assertEquals(rig.io(fields).status, 0x4010);
  assertEquals(rig.memory.bytes.slice(BUFFER, BUFFER + 4096), fresh(0, 4096));
  assertEquals(rig.memory.bytes.slice(0x30_0000, 0x30_1000), before);

  const wide = { prp1: BUFFER, lba: 16, mptr: 2n ** 53n };
  assertEquals(rig.io(wide).status, 0x0004);
  assertEquals(rig.memory.bytes.slice(BUFFER, BUFFER + 512), fresh(16 * 512, 512));
});

Deno.test("a compare fails for any byte that differs, in the first range and in later ones", () => {
  const rig = new ControllerRig();
  const { bytes } = rig.memory;
  const second = 0x20_0000;
  const fields = { prp1: BUFFER + 0xe00, prp2: second, lba: 40, blocks: 5 };
  const status = () => rig.io({ opcode: COMPARE, ...fields }).status;
  assertEquals(rig.io({ opcode: READ, ...fields }).status, 0);
  assertEquals(status(), 0);
  const first = [0, 1, 255, 511].map((at) => BUFFER + 0xe00 + at);
  const later = [0, 1, 1023, 4 * 512 - 1].map((at) => second + at);
  for (const at of [...first, ...later]) {
    bytes[at]! ^= 0x10;
    assertEquals(status(), 0x4285, `0x${at.toString(16)}`);
    bytes[at]! ^= 0x10;
  }
  for (const beside of [BUFFER + 0xdff, second + 4 * 512]) {
    bytes[beside]! ^= 0xff;
    assertEquals(status(), 0);
  }
});

Deno.test("a compare of more than a piece of 1 MiB reads on where the piece ended", () => {
  const rig = new ControllerRig({ sgl: true });
  const size = 2 ** 20 + 4096;
  const fields = {
    flags: 0x40,
    sgl: [0x40_0000, size, 0] as const,
    lba: 5,
    blocks: size / 512,
  };
  assertEquals(rig.io({ ...fields, opcode: READ }).status, 0);
  assertEquals(rig.io({ ...fields, opcode: COMPARE }).status, 0);
  rig.memory.bytes[0x40_0000 + size - 1]! ^= 1;
  assertEquals(rig.io({ ...fields, opcode: COMPARE }).status, 0x4285);
});

Deno.test("with an SGL for the data the metadata pointer may lie anywhere, with PRPs at a dword (NVM Express 1.4, figure 105)", () => {
  const rig = new ControllerRig({ metadataBytes: 8, sgl: true });
  const read = { lba: 10, blocks: 4, mptr: 0x30_0003 };
  assertEquals(rig.io({ ...read, flags: 0x40, sgl: [BUFFER, 2048, 0] }).status, 0);
  assertEquals(rig.memory.bytes.slice(0x30_0003, 0x30_0023), fresh(80, 32, METADATA_TAG));
  assertEquals(rig.io({ ...read, prp1: BUFFER }).status & 0x7ff, 0x02);
  assertEquals(rig.io({ ...read, mptr: 0x30_0002, prp1: BUFFER }).status & 0x7ff, 0x02);
});
