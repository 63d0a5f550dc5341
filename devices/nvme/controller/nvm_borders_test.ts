/** Which NVM commands are refused, and from which value on (NVM Express 1.4, sections 4.6 and 6). */
import { assertEquals } from "@std/assert";
import { STATUS } from "./_status.ts";
import { commandBytes, type CommandFields } from "../command_bytes.ts";
import { blockOf } from "./nvm.ts";
import { ControllerRig, type ControllerRigOptions, fresh } from "./_rig.ts";

const [FLUSH, WRITE, READ, COMPARE, WRITE_ZEROES, DSM] = [0x00, 0x01, 0x02, 0x05, 0x08, 0x09];
const KNOWN = [FLUSH, WRITE, READ, COMPARE, WRITE_ZEROES, DSM];
const MOVING = [WRITE, READ, COMPARE];
const BUFFER = 0x10_0000;
const METADATA = 0x30_0000;
const LIST = 0x3_0000;
const BLOCKS = 1000;
const WIDE = 2n ** 53n;

const {
  SUCCESS,
  TRANSFER_ERROR,
  INVALID_OPCODE,
  INVALID_FIELD,
  INVALID_NAMESPACE,
  OUT_OF_RANGE,
} = STATUS;

/** A disk of 1000 blocks, with a function that executes a command and returns its status. */
function bench(options: ControllerRigOptions = {}) {
  const rig = new ControllerRig({ capacityBytes: BLOCKS * 512, ...options });
  // The buffer of a Compare is first filled with the disk's data.
  const status = (fields: CommandFields) => {
    if (fields.opcode === COMPARE) rig.io({ ...fields, opcode: READ });
    return rig.io(fields).status;
  };
  const resolve = (fields: CommandFields) => rig.controller.resolve(commandBytes(fields));
  return { rig, status, resolve };
}

/** Writes the range with this index into the list of Dataset Management. */
function putRange(rig: ControllerRig, index: number, lba: number | bigint, blocks: number): void {
  const at = BUFFER + index * 16;
  rig.memory.view.setUint32(at, 0xffff_ffff, true);
  rig.memory.view.setUint32(at + 4, blocks, true);
  rig.memory.putU64(at + 8, lba);
}

Deno.test("opcodes that the NVM command set does not have here are refused, carried out or resolved (NVMe 6)", () => {
  const { resolve, status } = bench();
  resolve({ opcode: READ, prp1: BUFFER });
  for (let opcode = 0; opcode < 256; opcode++) {
    if (KNOWN.includes(opcode)) continue;
    const fields = { opcode, prp1: BUFFER };
    assertEquals(status(fields), INVALID_OPCODE, `${opcode}`);
    assertEquals(resolve(fields), { status: INVALID_OPCODE, ranges: [], metadataRanges: [] });
  }
});

Deno.test("commands name namespace 1, and Flush may name all (NVMe 6.1, 6.8)", () => {
  const { rig, status } = bench();
  putRange(rig, 0, 0, 1);
  for (const opcode of KNOWN) {
    assertEquals(status({ opcode, prp1: BUFFER }), SUCCESS, `${opcode}`);
    putRange(rig, 0, 0, 1);
    for (const nsid of [0, 2, 0x1_0001, 0xffff_fffe]) {
      assertEquals(status({ opcode, nsid, prp1: BUFFER }), INVALID_NAMESPACE, `${opcode}, ${nsid}`);
    }
    const all = status({ opcode, nsid: 0xffff_ffff, prp1: BUFFER });
    assertEquals(all, opcode === FLUSH ? SUCCESS : INVALID_NAMESPACE, `${opcode}`);
  }
});

/** First block, number of blocks and status; the disk has 1000 blocks. */
const EXTENTS: [lba: number | bigint, blocks: number, status: number][] = [
  [0, 1, SUCCESS],
  [999, 1, SUCCESS],
  [992, 8, SUCCESS],
  [993, 8, OUT_OF_RANGE],
  [999, 2, OUT_OF_RANGE],
  [1000, 1, OUT_OF_RANGE],
  [1001, 1, OUT_OF_RANGE],
  [2n ** 32n, 1, OUT_OF_RANGE],
  [2n ** 32n + 5n, 1, OUT_OF_RANGE],
  [WIDE - 1n, 1, OUT_OF_RANGE],
  [WIDE, 1, OUT_OF_RANGE],
  [2n ** 64n - 1n, 1, OUT_OF_RANGE],
];

Deno.test("a command ends with the disk's last block, and not behind it (NVMe 4.6.1.2.1: LBA Out of Range)", () => {
  for (const [lba, blocks, expected] of EXTENTS) {
    const { resolve, rig, status } = bench();
    for (const opcode of [...MOVING, WRITE_ZEROES]) {
      const fields = { opcode, lba, blocks, prp1: BUFFER };
      assertEquals(status(fields), expected, `${opcode}: ${blocks} from ${lba}`);
      if (opcode === WRITE_ZEROES) continue;
      const ranges = expected === SUCCESS ? [[BUFFER, blocks * 512]] : [];
      const resolved = { status: expected, ranges, metadataRanges: [] };
      assertEquals<unknown>(resolve(fields), resolved, `${opcode}: ${blocks} from ${lba}`);
    }
    putRange(rig, 0, 3, 1);
    putRange(rig, 1, lba, blocks);
    const dsm = { opcode: DSM, prp1: BUFFER, dwords: { 10: 1, 11: 4 } };
    assertEquals(status(dsm), expected, `ranges: ${blocks} from ${lba}`);
  }
});

Deno.test("more than the disk has is out of range for every count, though it begins at 0", () => {
  const { status } = bench({ capacityBytes: 8 * 512 });
  for (const opcode of [...MOVING, WRITE_ZEROES]) {
    for (const [blocks, expected] of [[8, SUCCESS], [9, OUT_OF_RANGE], [65536, OUT_OF_RANGE]]) {
      const found = status({ opcode, blocks: blocks!, prp1: BUFFER, prp2: LIST });
      assertEquals(found, expected!, `${opcode}: ${blocks}`);
    }
  }
});

Deno.test("a transfer has at most MDTS, and Write Zeroes, which transfers nothing, any size (NVMe 5.15: MDTS)", () => {
  for (const [mdtsExponent, most] of [[1, 16], [2, 32]] as const) {
    const { resolve, rig, status } = bench({ mdtsExponent });
    for (let index = 0; index < 8; index++) rig.memory.putU64(LIST + 8 * index, 0x20_0000);
    for (const opcode of MOVING) {
      const fields = (blocks: number) => ({
        opcode,
        blocks,
        prp1: BUFFER,
        prp2: blocks > 16 ? LIST : BUFFER + 4096,
      });
      const found = [most, most + 1].flatMap((blocks) => [
        status(fields(blocks)),
        resolve(fields(blocks)).status,
      ]);
      assertEquals(found, [SUCCESS, SUCCESS, INVALID_FIELD, INVALID_FIELD], `${opcode}: ${most}`);
    }
    assertEquals(status({ opcode: WRITE_ZEROES, blocks: most + 1 }), SUCCESS);
  }
});

Deno.test("a range of Dataset Management has 32 bits of length, and all of the list counts (NVMe 6.7)", () => {
  const { rig, status } = bench({ capacityBytes: 2 ** 45 });
  const dsm = (ranges: number, attributes: number) =>
    status({ opcode: DSM, prp1: BUFFER, dwords: { 10: ranges - 1, 11: attributes } });
  const blocks = 2 ** 45 / 512;
  putRange(rig, 0, blocks - 0xffff_ffff, 0xffff_ffff);
  assertEquals(dsm(1, 4), SUCCESS);
  putRange(rig, 0, blocks - 0xffff_fffe, 0xffff_ffff);
  assertEquals(dsm(1, 4), OUT_OF_RANGE);
  // Ranges are checked even if the command is only a hint. Only Deallocate, bit 2, changes the
  // disk.
  assertEquals(dsm(1, 0), OUT_OF_RANGE);
  for (const attributes of [0, 1, 2, 3, 8]) {
    putRange(rig, 0, 7, 1);
    assertEquals(dsm(1, attributes), SUCCESS);
    assertEquals(rig.media.data.bytes(7 * 512, 512), fresh(7 * 512, 512), `${attributes}`);
  }
  // 256 ranges are the maximum: the last one is used.
  for (let index = 0; index < 256; index++) putRange(rig, index, index * 2, 1);
  assertEquals(dsm(256, 0xffff_ffff), SUCCESS);
  assertEquals(rig.media.data.bytes(510 * 512, 512), new Uint8Array(512));
  assertEquals(rig.media.data.bytes(511 * 512, 512), fresh(511 * 512, 512));
  putRange(rig, 255, blocks, 1);
  assertEquals([dsm(256, 4), dsm(255, 4)], [OUT_OF_RANGE, SUCCESS]);
});

Deno.test("a read's wide pointer is a write that cannot be, any other's a read, and so it is for metadata", () => {
  for (const opcode of [...MOVING, DSM]) {
    for (const carriedOut of [true, false]) {
      const { resolve, rig } = bench({ metadataBytes: 8 });
      const found = (fields: CommandFields) => {
        rig.memory.faults.length = 0;
        const status = carriedOut ? rig.io(fields).status : resolve(fields).status;
        return [status, ...rig.memory.faults];
      };
      const fault = [TRANSFER_ERROR, opcode === READ ? "write wide" : "read wide"];
      const row = `${opcode}, ${carriedOut}`;
      assertEquals(found({ opcode, prp1: WIDE, mptr: METADATA }), fault, row);
      if (opcode === DSM || (opcode === COMPARE && carriedOut)) continue;
      assertEquals(found({ opcode, prp1: BUFFER, mptr: WIDE }), fault, row);
    }
  }
});

Deno.test("a command that is refused moves nothing, also for a metadata pointer that cannot be (NVMe 4.2)", () => {
  const { rig, status } = bench({ metadataBytes: 8 });
  const before = rig.memory.bytes.slice(BUFFER, BUFFER + 4096);
  const read = { opcode: READ, prp1: BUFFER, mptr: METADATA, lba: 5 };
  for (const wrong of [{ mptr: METADATA + 1 }, { flags: 2 }, { lba: BLOCKS }, { nsid: 2 }]) {
    const refused = status({ ...read, ...wrong });
    assertEquals(refused === SUCCESS, false);
    assertEquals(rig.memory.bytes.slice(BUFFER, BUFFER + 4096), before);
    assertEquals(status({ ...read, opcode: WRITE, ...wrong }), refused);
    assertEquals(rig.budget.heldBytes, 0);
  }
});

Deno.test("a disk without metadata does not look at the metadata pointer (NVMe 4.2: MPTR)", () => {
  const { resolve, rig, status } = bench();
  for (const mptr of [METADATA + 1, WIDE, 2n ** 64n - 1n]) {
    for (const opcode of MOVING) {
      const fields = { opcode, prp1: BUFFER, mptr };
      const found = [status(fields), resolve(fields).status];
      assertEquals([found, rig.memory.faults], [[SUCCESS, SUCCESS], []]);
    }
  }
});

Deno.test("commands that move blocks have a first one, in dwords 10 and 11, and no others have (NVMe 6)", () => {
  const first = (fields: CommandFields) => blockOf(new DataView(commandBytes(fields).buffer));
  for (let opcode = 0; opcode < 256; opcode++) {
    const lba = 0x12_3456_789a_bcden;
    const expected = MOVING.includes(opcode) ? 0x12_3456_789a_bcde : null;
    assertEquals(first({ opcode, lba }), expected, `${opcode}`);
  }
  assertEquals([first({ lba: WIDE - 1n }), first({ lba: WIDE })], [2 ** 53 - 1, Infinity]);
});
