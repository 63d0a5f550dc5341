/** The fields of protection information in commands and tuples, and who says what they are (NVM Express 1.4, 8.3). */
import { assertEquals } from "@std/assert";
import { STATUS } from "../_status.ts";
import { commandBytes } from "../../command_bytes.ts";
import { Rig } from "../_rig.ts";
import {
  type Blocks,
  crc16,
  Protection,
  type ProtectionRequest,
  protectionRequest,
  type ProtectionType,
} from "./protection.ts";

const {
  SUCCESS,
  INVALID_FIELD,
  INVALID_PROTECTION,
  GUARD_CHECK,
  APPLICATION_TAG_CHECK,
  REFERENCE_TAG_CHECK,
} = STATUS;

const NOTHING: ProtectionRequest = {
  act: false,
  checksGuard: false,
  checksApplication: false,
  checksReference: false,
  reference: 0,
  application: 0,
  applicationMask: 0,
};
const ALL: ProtectionRequest = {
  ...NOTHING,
  checksGuard: true,
  checksApplication: true,
  checksReference: true,
  applicationMask: 0xffff,
};

Deno.test("PRINFO is bits 29:26 of dword 12, the tags are dwords 14 and 15 (NVMe 6.9)", () => {
  const request = (dwords: Record<number, number>) =>
    protectionRequest(new DataView(commandBytes({ lba: 0, blocks: 1, dwords }).buffer));
  const rows: [Record<number, number>, Partial<ProtectionRequest>][] = [
    [{}, {}],
    [{ 12: 2 ** 26 }, { checksReference: true }],
    [{ 12: 2 ** 27 }, { checksApplication: true }],
    [{ 12: 2 ** 28 }, { checksGuard: true }],
    [{ 12: 2 ** 29 }, { act: true }],
    // What stands around them: Force Unit Access, Limited Retry, the number of blocks.
    [{ 12: 0xc3ff_ffff }, {}],
    [{ 13: 0xffff_ffff }, {}],
    [{ 14: 0xfedc_ba98 }, { reference: 0xfedc_ba98 }],
    [{ 15: 0x8765_cba9 }, { application: 0xcba9, applicationMask: 0x8765 }],
  ];
  for (const [dwords, fields] of rows) {
    assertEquals(request(dwords), { ...NOTHING, ...fields }, JSON.stringify(dwords));
  }
});

const BLOCK = 512;
const COUNT = 3;

/** Three blocks, each filled with a byte of its own, and metadata in front of each tuple. */
function blocksOf(metadataBytes: number): Blocks {
  const data = new Uint8Array(COUNT * BLOCK);
  const metadata = new Uint8Array(COUNT * metadataBytes).fill(0x77);
  for (let block = 0; block < COUNT; block++) {
    data.fill(0x41 + block, block * BLOCK, (block + 1) * BLOCK);
  }
  return { data, metadata };
}

function guard(block: number, ahead: number): number {
  const data = new Uint8Array(BLOCK).fill(0x41 + block);
  const metadata = new Uint8Array(ahead).fill(0x77);
  return crc16(metadata, 0, ahead, crc16(data, 0, BLOCK));
}

/** The tuples of blocks, most significant bytes first, as section 8.3 has them. */
function tuplesOf({ metadata }: Blocks): [guard: number, application: number, reference: number][] {
  const view = new DataView(metadata.buffer);
  const size = metadata.length / COUNT;
  return [0, 1, 2].map((block) => {
    const at = (block + 1) * size - 8;
    return [view.getUint16(at), view.getUint16(at + 2), view.getUint32(at + 4)];
  });
}

Deno.test("generated tuples count the reference tag up over its 32 bits, but for Type 3 (NVMe 8.3)", () => {
  const request = { ...NOTHING, application: 0xabcd, reference: 0xffff_fffe };
  const counted = [0xffff_fffe, 0xffff_ffff, 0];
  const same = new Array(3).fill(0xffff_fffe);
  for (const [kind, references] of [[1, counted], [2, counted], [3, same]] as const) {
    for (const metadataBytes of [8, 16, 64]) {
      const blocks = blocksOf(metadataBytes);
      new Protection(kind, BLOCK, metadataBytes).generate(request, blocks);
      const ahead = metadataBytes - 8;
      assertEquals(
        tuplesOf(blocks),
        [0, 1, 2].map((block) => [guard(block, ahead), 0xabcd, references[block]!]),
      );
      const view = blocks.metadata.filter((_, index) => index % metadataBytes < ahead);
      assertEquals(view, new Uint8Array(COUNT * ahead).fill(0x77));
    }
  }
});

Deno.test("what was generated is accepted, and a bit that differs in any field of any block is found (NVMe 8.3)", () => {
  const request = { ...ALL, application: 0xabcd, reference: 0xffff_fffe };
  for (const kind of [1, 2, 3] as const) {
    for (const metadataBytes of [8, 16]) {
      const protection = new Protection(kind, BLOCK, metadataBytes);
      const blocks = blocksOf(metadataBytes);
      protection.generate(request, blocks);
      assertEquals(protection.check(request, blocks), SUCCESS);
      const differing = (bytes: Uint8Array, at: number, status: number) => {
        for (const bit of [0, 7]) {
          bytes[at]! ^= 1 << bit;
          const place = `type ${kind}, byte ${at} of ${bytes.length}`;
          assertEquals(protection.check(request, blocks), status, place);
          bytes[at]! ^= 1 << bit;
        }
      };
      for (let block = 0; block < COUNT; block++) {
        for (const at of [0, 1, 511]) differing(blocks.data, block * BLOCK + at, GUARD_CHECK);
        const tuple = (block + 1) * metadataBytes - 8;
        if (metadataBytes > 8) differing(blocks.metadata, tuple - 1, GUARD_CHECK);
        for (const at of [0, 1]) differing(blocks.metadata, tuple + at, GUARD_CHECK);
        for (const at of [2, 3]) differing(blocks.metadata, tuple + at, APPLICATION_TAG_CHECK);
        for (const at of [4, 5, 6, 7]) differing(blocks.metadata, tuple + at, REFERENCE_TAG_CHECK);
      }
    }
  }
});

/** The status of blocks whose tuples all are `tuple`. */
function checked(
  kind: ProtectionType,
  request: ProtectionRequest,
  tuple: readonly [guard: number, application: number, reference: number],
): number {
  const blocks = blocksOf(8);
  const view = new DataView(blocks.metadata.buffer);
  for (let at = 0; at < blocks.metadata.length; at += 8) {
    view.setUint16(at, tuple[0]);
    view.setUint16(at + 2, tuple[1]);
    view.setUint32(at + 4, tuple[2]);
  }
  return new Protection(kind, BLOCK, 8).check(request, blocks);
}

Deno.test("an application tag of FFFFh switches all checks off, for Type 3 with a reference tag of FFFFFFFFh (NVMe 8.3)", () => {
  for (const kind of [1, 2] as const) {
    assertEquals(checked(kind, ALL, [1, 0xffff, 2]), SUCCESS);
    assertEquals(checked(kind, ALL, [1, 0xfffe, 2]), GUARD_CHECK);
    assertEquals(checked(kind, ALL, [1, 0xfffe, 0xffff_ffff]), GUARD_CHECK);
  }
  assertEquals(checked(3, ALL, [1, 0xffff, 0xffff_ffff]), SUCCESS);
  assertEquals(checked(3, ALL, [1, 0xffff, 0xffff_fffe]), GUARD_CHECK);
  assertEquals(checked(3, ALL, [1, 0xfffe, 0xffff_ffff]), GUARD_CHECK);
});

Deno.test("a block that is not checked leaves the next one to be checked", () => {
  const protection = new Protection(1, BLOCK, 8);
  const blocks = blocksOf(8);
  protection.generate(NOTHING, blocks);
  blocks.metadata.fill(0xff, 0, 8);
  assertEquals(protection.check(ALL, blocks), SUCCESS);
  blocks.metadata[8]! ^= 1;
  assertEquals(protection.check(ALL, blocks), GUARD_CHECK);
});

Deno.test("the mask says which bits of the application tag count, one by one (NVMe 8.3)", () => {
  for (let bit = 0; bit < 16; bit++) {
    const request = { ...NOTHING, checksApplication: true, application: 0x1234 };
    const tuple = [0, 0x1234 ^ 1 << bit, 0] as const;
    const [only, others] = [1 << bit, 0xffff ^ 1 << bit];
    assertEquals(checked(1, { ...request, applicationMask: only }, tuple), APPLICATION_TAG_CHECK);
    assertEquals(checked(1, { ...request, applicationMask: others }, tuple), SUCCESS);
  }
});

Deno.test("Type 1 takes the block's own address for reference tag, Type 3 checks none (NVMe 8.3)", () => {
  const validate = (kind: ProtectionType, reference: number, lba: number, checks = true) =>
    new Protection(kind, BLOCK, 8).validate(
      { ...NOTHING, checksReference: checks, reference },
      lba,
    );
  assertEquals(validate(1, 9, 9), SUCCESS);
  assertEquals([validate(1, 8, 9), validate(1, 10, 9)], [INVALID_PROTECTION, INVALID_PROTECTION]);
  // Its lower 32 bits.
  assertEquals(validate(1, 9, 2 ** 32 + 9), SUCCESS);
  assertEquals(validate(1, 0xffff_ffff, 2 ** 32 - 1), SUCCESS);
  assertEquals(validate(1, 0, 2 ** 32), SUCCESS);
  assertEquals(validate(2, 8, 9), SUCCESS);
  assertEquals(validate(3, 9, 9), INVALID_PROTECTION);
  for (const kind of [1, 2, 3] as const) assertEquals(validate(kind, 8, 9, false), SUCCESS);
});

Deno.test("PRACT strips metadata that is the tuple alone (NVMe 8.3)", () => {
  const stripped = (metadataBytes: number, act: boolean) =>
    new Protection(1, BLOCK, metadataBytes).isStripped({ ...NOTHING, act });
  assertEquals([stripped(8, true), stripped(8, false)], [true, false]);
  assertEquals([stripped(16, true), stripped(16, false)], [false, false]);
});

Deno.test("metadata is compared but for the tuples, byte by byte of each block", () => {
  const protection = new Protection(1, BLOCK, 16);
  const one = new Uint8Array(32).fill(5);
  for (let at = 0; at < 32; at++) {
    const other = one.slice();
    other[at] = 6;
    assertEquals(protection.sameBesideTuples(one, other), at % 16 >= 8, `byte ${at}`);
  }
});

const BUFFER = 0x10_0000;
const METADATA = 0x30_0000;

Deno.test("commands whose protection fields cannot be are refused before anything moves (NVMe 6)", () => {
  const [WRITE, READ, COMPARE, WRITE_ZEROES] = [0x01, 0x02, 0x05, 0x08];
  const [ACT, REFERENCE] = [2 ** 29, 2 ** 26];
  const rows: [opcode: number, kind: 1 | 2 | 3, info: number, tag: number, status: number][] = [
    [COMPARE, 1, ACT, 9, INVALID_FIELD],
    ...[WRITE, READ, COMPARE, WRITE_ZEROES].flatMap((opcode) =>
      [
        [opcode, 1, REFERENCE, 8, INVALID_PROTECTION] as const,
        [opcode, 3, REFERENCE, 9, INVALID_PROTECTION] as const,
      ].map(([...row]) => row as [number, 1 | 2 | 3, number, number, number])
    ),
  ];
  for (const [opcode, protectionType, info, tag, status] of rows) {
    const rig = new Rig({ protectionType, metadataBytes: 8 });
    rig.memory.holes.add(BUFFER / 4096);
    const dwords = { 12: info, 14: tag, 15: 0 };
    const found = rig.io({ opcode, lba: 9, prp1: BUFFER, mptr: METADATA, dwords }).status;
    assertEquals(found, status, `opcode ${opcode}, type ${protectionType}`);
    assertEquals([rig.memory.faults, rig.media.data.storedBytes], [[], 0]);
  }
});
