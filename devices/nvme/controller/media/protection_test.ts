import { assertEquals } from "@std/assert";
import type { CommandFields } from "../../command_bytes.ts";
import { Rig } from "../_rig.ts";
import { crc16 } from "./protection.ts";

const [WRITE, READ, COMPARE, WRITE_ZEROES, DSM] = [0x01, 0x02, 0x05, 0x08, 0x09];
const BUFFER = 0x10_0000;
const METADATA = 0x30_0000;
const [ACT, GUARD, APPLICATION, REFERENCE] = [8, 4, 2, 1];
const ALL = GUARD | APPLICATION | REFERENCE;

interface Tags {
  readonly reference?: number;
  readonly application?: number;
  readonly mask?: number;
}

/** A command of two blocks at `lba` with PRINFO and the tags it expects. */
function command(opcode: number, lba: number, info: number, tags: Tags = {}): CommandFields {
  return {
    opcode,
    lba,
    prp1: BUFFER,
    mptr: METADATA,
    dwords: {
      12: info * 2 ** 26 + 1,
      14: tags.reference ?? lba,
      15: (tags.mask ?? 0xffff) * 2 ** 16 + (tags.application ?? 0),
    },
  };
}

function protectedRig(protectionType: 1 | 2 | 3, metadataBytes = 8): Rig {
  return new Rig({ protectionType, metadataBytes });
}

/** Puts a tuple where the host keeps that of a block. */
function putTuple(rig: Rig, block: number, guard: number, application: number, reference: number) {
  const at = METADATA + block * rig.media.metadataBytes + rig.media.metadataBytes - 8;
  rig.memory.view.setUint16(at, guard, false);
  rig.memory.view.setUint16(at + 2, application, false);
  rig.memory.view.setUint32(at + 4, reference, false);
}

function tuples(rig: Rig, lba: number): [guard: number, application: number, reference: number][] {
  const { metadataBytes, metadata } = rig.media;
  const bytes = metadata.bytes(lba * metadataBytes, 2 * metadataBytes);
  const view = new DataView(bytes.buffer);
  return [0, 1].map((block) => {
    const at = (block + 1) * metadataBytes - 8;
    return [view.getUint16(at), view.getUint16(at + 2), view.getUint32(at + 4)];
  });
}

/** The bytes of each block are its number and its letter. */
function fillBlocks(rig: Rig): void {
  rig.memory.bytes.fill(0x41, BUFFER, BUFFER + 512);
  rig.memory.bytes.fill(0x42, BUFFER + 512, BUFFER + 1024);
}

function guardOf(byte: number, ahead: readonly number[] = []): number {
  const bytes = new Uint8Array([...new Uint8Array(512).fill(byte), ...ahead]);
  return crc16(bytes, 0, bytes.length);
}

Deno.test("crc16() is the CRC of T10-DIF: its published check values", () => {
  const text = new TextEncoder().encode("123456789");
  assertEquals(crc16(text, 0, 9), 0xd0db);
  assertEquals(crc16(new Uint8Array(32), 0, 32), 0);
  assertEquals(crc16(new Uint8Array(32).fill(0xff), 0, 32), 0xa293);
  assertEquals(crc16(text, 4, 9, crc16(text, 0, 4)), 0xd0db);
});

Deno.test("PRACT on a write: the controller makes the tuples, and takes none from the host", () => {
  for (
    const [kind, references] of [[1, [9, 10]], [2, [0xffff_ffff, 0]], [3, [77, 77]]] as const
  ) {
    const rig = protectedRig(kind);
    fillBlocks(rig);
    rig.memory.holes.add(METADATA / 4096);
    const tags = { reference: references[0], application: 0x1234 };
    assertEquals(rig.io(command(WRITE, 9, ACT, tags)).status, 0);
    assertEquals(tuples(rig, 9), [
      [guardOf(0x41), 0x1234, references[0]],
      [guardOf(0x42), 0x1234, references[1]],
    ]);
    assertEquals(rig.memory.faults, []);
  }
});

Deno.test("PRACT on a read: tuples are checked and taken off; without it they come along", () => {
  const rig = protectedRig(1);
  fillBlocks(rig);
  rig.io(command(WRITE, 9, ACT, { application: 0x1234 }));
  const before = rig.memory.bytes.slice(METADATA, METADATA + 64);
  assertEquals(rig.io(command(READ, 9, ACT | ALL, { application: 0x1234 })).status, 0);
  assertEquals(rig.memory.bytes.slice(METADATA, METADATA + 64), before);
  assertEquals(rig.io(command(READ, 9, ALL, { application: 0x1234 })).status, 0);
  assertEquals(rig.memory.view.getUint16(METADATA, false), guardOf(0x41));
  assertEquals(rig.memory.view.getUint32(METADATA + 12, false), 10);
  assertEquals(rig.memory.bytes[METADATA + 16], 0xa5);
});

Deno.test("each field is checked if it is asked for, guard first, and a wrong one names itself", () => {
  const wrong: [
    guard: number,
    application: number,
    reference: number,
    info: number,
    status: number,
  ][] = [
    [0xdead, 0x1234, 9, GUARD, 0x4282],
    [0xdead, 0x1234, 9, APPLICATION | REFERENCE, 0],
    [guardOf(0x41), 0x1235, 9, APPLICATION, 0x4283],
    [guardOf(0x41), 0x1235, 9, GUARD | REFERENCE, 0],
    [guardOf(0x41), 0x1234, 10, REFERENCE, 0x4284],
    [guardOf(0x41), 0x1234, 10, GUARD | APPLICATION, 0],
    [0xdead, 0x1235, 10, ALL, 0x4282],
    [guardOf(0x41), 0x1235, 10, ALL, 0x4283],
    [guardOf(0x41), 0x1234, 9, ALL, 0],
  ];
  for (const [guard, application, reference, info, status] of wrong) {
    const rig = protectedRig(1);
    fillBlocks(rig);
    putTuple(rig, 0, guard, application, reference);
    putTuple(rig, 1, guardOf(0x42), 0x1234, 10);
    const write = rig.io(command(WRITE, 9, info, { application: 0x1234 }));
    assertEquals(write.status, status);
    assertEquals(rig.media.data.storedBytes > 0, status === 0, "all or nothing");
  }
});

Deno.test("only the bits of the mask are compared in an application tag", () => {
  const rig = protectedRig(2);
  fillBlocks(rig);
  putTuple(rig, 0, 0, 0x12ff, 5);
  putTuple(rig, 1, 0, 0x1200, 6);
  const write = (mask: number) =>
    rig.io(command(WRITE, 0, APPLICATION, { application: 0x1234, mask })).status;
  assertEquals([write(0xff00), write(0xffff), write(0)], [0, 0x4283, 0]);
});

Deno.test("a wrong block on the medium is not delivered, whichever of the two it is", () => {
  for (const block of [0, 1]) {
    const rig = protectedRig(1);
    fillBlocks(rig);
    rig.io(command(WRITE, 9, ACT));
    rig.media.data.write((9 + block) * 512 + 100, new Uint8Array([0]), 0, 1);
    rig.memory.bytes.fill(0xee, BUFFER, BUFFER + 1024);
    assertEquals(rig.io(command(READ, 9, GUARD)).status, 0x4282);
    assertEquals(rig.memory.bytes.slice(BUFFER, BUFFER + 1024), new Uint8Array(1024).fill(0xee));
    assertEquals(rig.io(command(READ, 9, REFERENCE)).status, 0);
  }
});

Deno.test("tags of all ones switch the checks off; Type 3 wants the reference tag to be so too", () => {
  for (const [kind, reference, status] of [[1, 0, 0], [2, 0, 0], [3, 0, 0x4282], [3, -1, 0]]) {
    const rig = protectedRig(kind as 1 | 2 | 3);
    fillBlocks(rig);
    for (const block of [0, 1]) putTuple(rig, block, 0xdead, 0xffff, reference! >>> 0);
    assertEquals(rig.io(command(WRITE, 9, GUARD)).status, status);
  }
});

Deno.test("a fresh disk and a deallocated block are not protected: nothing is checked there", () => {
  const rig = protectedRig(1);
  assertEquals(rig.io(command(READ, 9, ALL)).status, 0);
  assertEquals(rig.memory.bytes.slice(METADATA, METADATA + 16), new Uint8Array(16).fill(0xff));
  fillBlocks(rig);
  rig.io(command(WRITE, 9, ACT));
  assertEquals(tuples(rig, 9)[0]![2], 9);
  rig.memory.bytes.fill(0, BUFFER, BUFFER + 16);
  rig.memory.view.setUint32(BUFFER + 4, 2, true);
  rig.memory.view.setUint32(BUFFER + 8, 9, true);
  assertEquals(rig.io({ opcode: DSM, prp1: BUFFER, dwords: { 10: 0, 11: 4 } }).status, 0);
  assertEquals(tuples(rig, 9), [[0xffff, 0xffff, 2 ** 32 - 1], [0xffff, 0xffff, 2 ** 32 - 1]]);
  assertEquals(rig.io(command(READ, 9, ALL)).status, 0);
});

Deno.test("write zeroes protects its blocks if PRACT says so, and else leaves tuples of zeros", () => {
  const rig = protectedRig(1);
  assertEquals(rig.io(command(WRITE_ZEROES, 9, ACT, { application: 3 })).status, 0);
  assertEquals(tuples(rig, 9), [[0, 3, 9], [0, 3, 10]]);
  assertEquals(rig.media.data.bytes(9 * 512, 1024), new Uint8Array(1024));
  // Around the border of the stored chunks: 512 tuples of 8 bytes.
  assertEquals(rig.io(command(WRITE_ZEROES, 511, ACT, { application: 3 })).status, 0);
  assertEquals(tuples(rig, 511), [[0, 3, 511], [0, 3, 512]]);
  assertEquals(rig.io(command(WRITE_ZEROES, 9, 0)).status, 0);
  assertEquals(tuples(rig, 9), [[0, 0, 0], [0, 0, 0]]);
  assertEquals(rig.io(command(READ, 9, REFERENCE)).status, 0x4284);
});

Deno.test("metadata before the tuple is guarded as well, and kept when PRACT makes the tuple", () => {
  const rig = protectedRig(2, 16);
  fillBlocks(rig);
  rig.memory.bytes.fill(0x77, METADATA, METADATA + 32);
  assertEquals(rig.io(command(WRITE, 0, ACT, { reference: 5 })).status, 0);
  const ahead = new Array<number>(8).fill(0x77);
  assertEquals(tuples(rig, 0), [[guardOf(0x41, ahead), 0, 5], [guardOf(0x42, ahead), 0, 6]]);
  assertEquals([...rig.media.metadata.bytes(0, 8)], ahead);
  // PRACT takes tuples off only where there is nothing else.
  assertEquals(rig.io(command(READ, 0, ACT | GUARD)).status, 0);
  assertEquals(rig.memory.view.getUint16(METADATA + 8, false), guardOf(0x41, ahead));
});

Deno.test("compare checks what the medium has, and compares all but the tuples", () => {
  const rig = protectedRig(2, 16);
  fillBlocks(rig);
  rig.memory.bytes.fill(0x77, METADATA, METADATA + 32);
  rig.io(command(WRITE, 0, ACT, { reference: 5 }));
  const compare = () => rig.io(command(COMPARE, 0, ALL, { reference: 5 })).status;
  assertEquals(compare(), 0);
  rig.memory.bytes[METADATA + 3]! ^= 1;
  assertEquals(compare(), 0x4285);
  rig.memory.bytes[METADATA + 3]! ^= 1;
  rig.memory.bytes[BUFFER]! ^= 1;
  assertEquals(compare(), 0x4285);
  rig.memory.bytes[BUFFER]! ^= 1;
  rig.media.data.write(0, new Uint8Array([0]), 0, 1);
  assertEquals(compare(), 0x4282);
});

Deno.test("Identify Namespace tells the type and that tuples are the last eight bytes", () => {
  for (const [kind, capabilities] of [[1, 0x11], [2, 0x12], [3, 0x14]] as const) {
    const rig = protectedRig(kind);
    rig.admin({ opcode: 0x06, nsid: 1, prp1: BUFFER, dwords: { 10: 0 } });
    assertEquals([...rig.memory.bytes.slice(BUFFER + 28, BUFFER + 30)], [capabilities, kind]);
  }
});

Deno.test("what a command with PRACT resolves to is its data alone", () => {
  const rig = protectedRig(1);
  const sqe = new Uint8Array(64);
  const view = new DataView(sqe.buffer);
  sqe[0] = WRITE;
  view.setUint32(4, 1, true);
  view.setUint32(24, BUFFER, true);
  view.setUint32(48, ACT * 2 ** 26, true);
  const { metadataRanges, status } = rig.controller.resolve(sqe);
  assertEquals([status, metadataRanges], [0, []]);
});
