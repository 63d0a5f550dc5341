/**
 * Commands that make no sense, one a row, with the status that the NVM Express Base Specification
 * (1.4) has for each: what a controller must answer, here and in the test vectors.
 *
 * Addresses are those of a flat memory of 16 MiB in which nothing else matters.
 */
import { type CommandFields, sglDescriptorBytes, u64Bytes } from "./command_bytes.ts";
import type { ControllerSettings } from "./controller/nvme_controller.ts";

const [FLUSH, WRITE, COMPARE, WRITE_ZEROES, DSM] = [0x00, 0x01, 0x05, 0x08, 0x09];
const BUFFER = 0x10_0000;
const LIST = 0x9000;
/** A page that no device reaches. */
export const UNREACHABLE_AT = 0x55 * 4096;
const HOLE_AT = UNREACHABLE_AT;

/** The disk's, where a row does not say another. */
export const MALFORMED_CAPACITY_BYTES = 512 * 2 ** 20;

/** The controller and the disk that a command is for; what is left out is as plain as can be. */
export interface MalformedTarget extends Partial<ControllerSettings> {
  readonly metadataBytes?: number;
  readonly protectionType?: 0 | 1 | 2 | 3;
  readonly capacityBytes?: number;
}

/** Bytes that lie in memory before the command is sent. */
export interface MemoryBytes {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface MalformedCommand {
  readonly text: string;
  /** The status field without the phase bit. */
  readonly status: number;
  /** The section of the specification that states the error. */
  readonly section: string;
  readonly fields: CommandFields;
  /** For the admin queue. */
  readonly admin: boolean;
  readonly on: MalformedTarget;
  /** Lists and data where the command looks for them. */
  readonly memory: readonly MemoryBytes[];
}

interface More {
  readonly on?: MalformedTarget;
  readonly memory?: readonly MemoryBytes[];
}

type Row = Omit<MalformedCommand, "section">;

function io(status: number, text: string, fields: CommandFields, more: More = {}): Row {
  return { status, text, fields, admin: false, on: {}, memory: [], ...more };
}

function admin(status: number, text: string, fields: CommandFields, more: More = {}): Row {
  return { ...io(status, text, fields, more), admin: true };
}

/** Rows about what one section says. */
function bySection(section: string, rows: readonly Row[]): readonly MalformedCommand[] {
  return rows.map((row) => ({ ...row, section }));
}

/** Five data pages for a transfer of 20 KiB or more, with one entry changed. */
function list(change: Readonly<Record<number, number | bigint>> = {}): More {
  return {
    memory: Array.from({ length: 6 }, (_, index) => ({
      at: LIST + index * 8,
      bytes: u64Bytes(change[index] ?? 0x20_0000 + index * 0x1_0000),
    })),
  };
}

/** A list of which only its last two entries lie in its page. */
function listEnd(link: number | bigint): More {
  return {
    memory: [
      { at: LIST + 0xff0, bytes: u64Bytes(0x20_0000) },
      { at: LIST + 0xff8, bytes: u64Bytes(link) },
    ],
  };
}

type Descriptor = readonly [address: number | bigint, length: number, type: number];

const SGL: MalformedTarget = { sgl: true, metadataSgl: true };

/** Descriptors at the list's place. */
function segment(...descriptors: readonly Descriptor[]): More {
  return {
    on: SGL,
    memory: descriptors.map((descriptor, index) => ({
      at: LIST + index * 16,
      bytes: sglDescriptorBytes(...descriptor),
    })),
  };
}

/** Data blocks of 512 bytes, or descriptors of other types. */
function ofTypes(...types: readonly number[]): More {
  return segment(...types.map((type, index) => [0x20_0000 + index * 0x1_0000, 512, type] as const));
}

function sgl(...descriptor: Descriptor): CommandFields {
  return { flags: 0x40, sgl: descriptor };
}

const DISK: MalformedTarget = { capacityBytes: 512 * 100 };
const PRP_LIST: CommandFields = { prp1: BUFFER, prp2: LIST, blocks: 48 };
/** What a queue's commands need: its number and 64 entries; contiguous, with interrupts. */
const NEW_CQ = { 10: 0x003f_0002, 11: 0x0002_0003 };
const NEW_SQ = { 10: 0x003f_0002, 11: 0x0001_0001 };
const createCq = (
  dwords: Record<number, number>,
  prp1: number | bigint = 0xa000,
): CommandFields => ({
  opcode: 0x05,
  prp1,
  dwords: { ...NEW_CQ, ...dwords },
});
const createSq = (
  dwords: Record<number, number>,
  prp1: number | bigint = 0xa000,
): CommandFields => ({
  opcode: 0x01,
  prp1,
  dwords: { ...NEW_SQ, ...dwords },
});
const identify = (cns: number, nsid = 0, prp1: number | bigint = BUFFER): CommandFields => ({
  opcode: 0x06,
  nsid,
  prp1,
  dwords: { 10: cns },
});
const dword10 = (opcode: number, value: number, eleven = 0): CommandFields => ({
  opcode,
  prp1: BUFFER,
  dwords: { 10: value, 11: eleven },
});

/** Protected disks; PRINFO is PRACT 8, guard 4, application tag 2, reference tag 1. */
const type = (protectionType: 1 | 2 | 3): { readonly on: MalformedTarget } => ({
  on: { metadataBytes: 8, protectionType },
});
function pi(info: number, more: CommandFields, tags: Record<number, number> = {}): CommandFields {
  const blocks = more.blocks ?? 1;
  return { mptr: 0x30_0000, ...more, dwords: { 12: info * 2 ** 26 + blocks - 1, ...tags } };
}

/** Set Features, Host Memory Buffer: 2 MiB in one piece. */
const lend = (dwords: Record<number, number>): CommandFields => ({
  opcode: 0x09,
  dwords: { 10: 0x0d, 11: 1, 12: 512, 13: LIST, 15: 1, ...dwords },
});

/** A controller that wants host memory, and a list of one piece of 2 MiB. */
function hostMemory(address: number | bigint = 0x40_0000): More {
  return {
    on: {
      hostMemory: {
        preferredBytes: 2 ** 22,
        minimumBytes: 2 ** 20,
        smallestChunkBytes: 0,
        mostChunks: 2,
      },
    },
    memory: [{ at: LIST, bytes: sglDescriptorBytes(address, 512, 0) }],
  };
}

export const MALFORMED_COMMANDS: readonly MalformedCommand[] = [
  // What every command has: opcode, namespace, flags.
  ...bySection("4.2", [
    io(0x4001, "opcode that does not exist", { opcode: 0x7f, prp1: BUFFER }),
    io(0x4001, "opcode of a command set that is not there", { opcode: 0x79, prp1: BUFFER }),
    io(0x400b, "namespace that does not exist", { prp1: BUFFER, nsid: 2 }),
    io(0x400b, "namespace 0", { prp1: BUFFER, nsid: 0 }),
    io(0x400b, "read of all namespaces", { prp1: BUFFER, nsid: 0xffff_ffff }),
    io(0x400b, "flush of namespace 0", { opcode: FLUSH, nsid: 0 }),
    io(0x4002, "first half of a fused command", { flags: 0x01, prp1: BUFFER }),
    io(0x4002, "second half of a fused command", { flags: 0x02, opcode: WRITE, prp1: BUFFER }),
    io(0x4002, "reserved pointer format", { flags: 0xc0, sgl: [BUFFER, 512, 0] }, { on: SGL }),
  ]),
  // Blocks.
  ...bySection("6", [
    io(0x4080, "blocks beyond the end of the disk", { prp1: BUFFER, lba: 99, blocks: 2 }, {
      on: DISK,
    }),
    io(0x4080, "first block behind the end", { opcode: WRITE, prp1: BUFFER, lba: 100 }, {
      on: DISK,
    }),
    io(0x4080, "first block of 2^63", { prp1: BUFFER, lba: 2n ** 63n }),
    io(0x4080, "first block of 2^64 - 1, and one more", { prp1: BUFFER, lba: 2n ** 64n - 1n }),
    io(0x4080, "compare beyond the end", { opcode: COMPARE, prp1: BUFFER, lba: 100 }, { on: DISK }),
    io(0x4080, "write zeroes beyond the end", { opcode: WRITE_ZEROES, lba: 100 }, { on: DISK }),
  ]),
  ...bySection("5.15", [
    io(0x4002, "transfer beyond MDTS", { ...PRP_LIST, blocks: 17 }, {
      ...list(),
      on: { mdtsExponent: 1 },
    }),
    io(0x4002, "compare beyond MDTS", { ...PRP_LIST, opcode: COMPARE, blocks: 17 }, {
      ...list(),
      on: { mdtsExponent: 1 },
    }),
  ]),
  // PRPs.
  ...bySection("4.3", [
    io(0x4013, "PRP1 not a multiple of 4", { prp1: BUFFER + 1 }),
    io(0x4013, "PRP1 of a write not a multiple of 4", { opcode: WRITE, prp1: BUFFER + 2 }),
    io(0x4013, "PRP2 as data with an offset", { prp1: BUFFER, prp2: 0x20_0200, blocks: 16 }),
    io(0x4013, "PRP list pointer not a multiple of 8", { ...PRP_LIST, prp2: LIST + 4 }, list()),
    io(0x4013, "PRP list entry with an offset", PRP_LIST, list({ 3: 0x23_0008 })),
    io(0x4013, "last PRP list entry with an offset", PRP_LIST, list({ 4: 0x24_0ffc })),
    io(
      0x4013,
      "PRP list one entry short: what follows in memory is no page",
      { ...PRP_LIST, blocks: 56 },
      list({ 5: 0xa5a5_a5a5_a5a5_a5a5n }),
    ),
    io(
      0x4013,
      "PRP list link with an offset",
      { ...PRP_LIST, prp2: LIST + 0xff0 },
      listEnd(0x9010),
    ),
    io(0x0004, "PRP list that the device cannot read", { ...PRP_LIST, prp2: HOLE_AT }),
    io(
      0x0004,
      "PRP list that goes on where the device cannot read",
      { ...PRP_LIST, prp2: LIST + 0xff0 },
      listEnd(HOLE_AT),
    ),
    io(0x0004, "PRP list at 2^53", { ...PRP_LIST, prp2: 2n ** 53n }),
    io(0x0004, "PRP list that goes on at 2^60", { ...PRP_LIST, prp2: LIST + 0xff0 }, {
      ...listEnd(2n ** 60n),
    }),
    io(0x0004, "PRP1 of 2^53", { prp1: 2n ** 53n }),
    io(0x0004, "PRP2 as data of 2^63", {
      prp1: BUFFER,
      prp2: 2n ** 63n,
      blocks: 16,
    }),
    io(0x0004, "PRP list entry of 2^53", PRP_LIST, list({ 4: 2n ** 53n })),
    io(0x0004, "PRP1 that the device cannot write", { prp1: HOLE_AT }),
    io(0x0004, "write from where the device cannot read", { opcode: WRITE, prp1: HOLE_AT }),
    io(0x0004, "compare with what the device cannot read", { opcode: COMPARE, prp1: HOLE_AT }),
  ]),
  // SGLs.
  ...bySection("4.4", [
    io(0x4002, "SGL on a controller without SGLs", sgl(BUFFER, 512, 0)),
    io(
      0x4002,
      "metadata SGL on a controller without them",
      { flags: 0x80, sgl: [BUFFER, 512, 0] },
      {
        on: { sgl: true },
      },
    ),
    io(0x4011, "SGL bit bucket", sgl(BUFFER, 512, 0x10), { on: SGL }),
    io(0x4011, "SGL keyed data block", sgl(BUFFER, 512, 0x40), { on: SGL }),
    io(0x4011, "SGL transport data block", sgl(BUFFER, 512, 0x50), { on: SGL }),
    io(0x4011, "SGL data block with an offset subtype", sgl(BUFFER, 512, 0x01), { on: SGL }),
    io(0x4011, "SGL segment with an offset subtype", sgl(LIST, 32, 0x21), { on: SGL }),
    io(0x4011, "SGL type that does not exist, in a list", {
      ...sgl(LIST, 32, 0x30),
      blocks: 2,
    }, ofTypes(0x00, 0x70)),
    io(0x400d, "SGL segment of 24 bytes", { ...sgl(LIST, 24, 0x30), blocks: 2 }, ofTypes(0, 0)),
    io(0x400d, "SGL segment without descriptors", { ...sgl(LIST, 0, 0x20), blocks: 2 }, {
      on: SGL,
    }),
    io(0x400d, "SGL segment at a multiple of 4", { ...sgl(LIST + 4, 32, 0x30), blocks: 2 }, {
      on: SGL,
    }),
    io(0x400d, "SGL segment inside a last segment", {
      ...sgl(LIST, 32, 0x30),
      blocks: 2,
    }, ofTypes(0x00, 0x20)),
    io(0x400d, "SGL segment that is not the last and ends with data", {
      ...sgl(LIST, 32, 0x20),
      blocks: 2,
    }, ofTypes(0, 0)),
    io(0x400e, "SGL segment descriptor in the middle of a segment", {
      ...sgl(LIST, 32, 0x20),
      blocks: 2,
    }, ofTypes(0x30, 0x00)),
    io(0x400e, "SGL segment that leads to itself", sgl(LIST, 16, 0x20), segment([LIST, 16, 0x20])),
    io(
      0x400e,
      "SGL segment of more descriptors than a controller follows",
      sgl(LIST, 2 ** 21, 0x30),
      {
        on: SGL,
      },
    ),
    io(0x400f, "SGL shorter than the data", sgl(BUFFER, 511, 0), { on: SGL }),
    io(0x400f, "SGL longer than the data", sgl(BUFFER, 1024, 0), { on: SGL }),
    io(0x400f, "SGL of nothing", sgl(BUFFER, 0, 0), { on: SGL }),
    io(
      0x400f,
      "SGL list one descriptor short",
      { ...sgl(LIST, 32, 0x30), blocks: 3 },
      ofTypes(0, 0),
    ),
    io(0x400f, "SGL list longer than the data by one descriptor", {
      ...sgl(LIST, 48, 0x30),
      blocks: 2,
    }, ofTypes(0, 0, 0)),
    io(0x0004, "SGL list that the device cannot read", { ...sgl(HOLE_AT, 32, 0x30), blocks: 2 }, {
      on: SGL,
    }),
    io(0x0004, "SGL segment at 2^53", { ...sgl(2n ** 53n, 32, 0x30), blocks: 2 }, { on: SGL }),
    io(0x0004, "SGL data block of 2^53", sgl(2n ** 53n, 512, 0), { on: SGL }),
    io(0x0004, "SGL data block that the device cannot write", sgl(HOLE_AT, 512, 0), { on: SGL }),
    io(0x0004, "SGL list that goes on where the device cannot read", {
      ...sgl(LIST, 32, 0x20),
      blocks: 2,
    }, segment([0x20_0000, 512, 0], [HOLE_AT, 16, 0x30])),
  ]),
  // Metadata and protection information.
  ...bySection("4.2", [
    io(0x4002, "flat metadata pointer not a multiple of 4", { prp1: BUFFER, mptr: 0x30_0002 }, {
      on: { metadataBytes: 8 },
    }),
  ]),
  ...bySection("8.3", [
    io(0x4181, "Type 1 with another reference tag than the block", {
      ...pi(1, { prp1: BUFFER, lba: 7 }, { 14: 8 }),
    }, type(1)),
    io(0x4181, "Type 3 with a check of the reference tag", pi(1, { prp1: BUFFER }), type(3)),
    io(
      0x4002,
      "compare that is to make tuples up",
      pi(8, { opcode: COMPARE, prp1: BUFFER }),
      type(1),
    ),
    io(0x4181, "write zeroes of Type 1 with a wrong reference tag", {
      ...pi(9, { opcode: WRITE_ZEROES, lba: 7 }, { 14: 8 }),
    }, type(1)),
    io(0x4282, "write with a wrong guard", pi(4, { opcode: WRITE, prp1: BUFFER }), type(1)),
    io(0x4283, "write with a wrong application tag", {
      ...pi(2, { opcode: WRITE, prp1: BUFFER }, { 15: 0xffff_0000 }),
    }, type(2)),
    io(0x4284, "write with a wrong reference tag", {
      ...pi(1, { opcode: WRITE, prp1: BUFFER }, { 14: 1 }),
    }, type(2)),
  ]),
  // Dataset management.
  ...bySection("6.7", [
    io(0x4080, "range to deallocate beyond the end", dword10(DSM, 0, 4), {
      on: DISK,
      memory: [{ at: BUFFER, bytes: Uint8Array.from([0, 0, 0, 0, 101, ...new Array(11).fill(0)]) }],
    }),
    io(0x4013, "list of ranges not at a multiple of 4", { opcode: DSM, prp1: BUFFER + 2 }),
    io(0x0004, "list of ranges that the device cannot read", { opcode: DSM, prp1: HOLE_AT }),
    io(0x400b, "ranges of no namespace", { opcode: DSM, prp1: BUFFER, nsid: 0 }),
  ]),
  // Admin: what every command has, identify, features, logs.
  ...bySection("5", [
    admin(0x4001, "admin opcode that does not exist", { opcode: 0x7c }),
    admin(0x4001, "format, which this controller cannot", { opcode: 0x80, nsid: 1 }),
    admin(0x4002, "admin command with an SGL", { opcode: 0x06, flags: 0x40, prp1: BUFFER }),
    admin(0x4002, "fused admin command", { opcode: 0x06, flags: 0x01, prp1: BUFFER }),
  ]),
  ...bySection("5.15", [
    admin(0x4002, "identify of what does not exist", identify(0x0f)),
    admin(0x400b, "identify namespace 0", identify(0x00)),
    admin(0x400b, "identify descriptors of namespace 2", identify(0x03, 2)),
    admin(0x400b, "list of namespaces behind 2^32 - 2", identify(0x02, 0xffff_fffe)),
    admin(0x4013, "identify page at an odd address", identify(0x01, 0, BUFFER + 1)),
    admin(0x4013, "second half of an identify page with an offset", {
      ...identify(0x01, 0, BUFFER + 0x800),
      prp2: 0x20_0004,
    }),
    admin(0x0004, "identify page that the device cannot write", identify(0x01, 0, HOLE_AT)),
    admin(0x0004, "identify page at 2^53", identify(0x01, 0, 2n ** 53n)),
  ]),
  ...bySection("5.21", [
    admin(0x4002, "feature that does not exist", dword10(0x09, 0x7f)),
  ]),
  ...bySection("5.13", [
    admin(0x4002, "value of a feature that does not exist", dword10(0x0a, 0x7f)),
    admin(0x4002, "default value of a feature", dword10(0x0a, 0x106)),
  ]),
  ...bySection("5.21", [
    admin(0x410d, "feature that is to be saved", dword10(0x09, 0x8000_0006, 1)),
    admin(0x400c, "number of queues when there are some", dword10(0x09, 0x07, 0x0001_0001)),
  ]),
  ...bySection("5.14", [
    admin(0x4109, "log page that does not exist", dword10(0x02, 0x007f_0005)),
    admin(0x4013, "log page to an odd address", {
      ...dword10(0x02, 0x007f_0002),
      prp1: BUFFER + 1,
    }),
  ]),
  // Doorbells in memory.
  ...bySection("5.7", [
    admin(0x4013, "shadow doorbells inside a page", { opcode: 0x7c, prp1: 0xa008, prp2: 0xb000 }, {
      on: { shadowDoorbells: true },
    }),
    admin(0x4013, "wake-up values inside a page", { opcode: 0x7c, prp1: 0xa000, prp2: 0xb004 }, {
      on: { shadowDoorbells: true },
    }),
    admin(0x4002, "shadow doorbells at 2^53", { opcode: 0x7c, prp1: 2n ** 53n, prp2: 0xb000 }, {
      on: { shadowDoorbells: true },
    }),
  ]),
  // Memory that the host lends: 4 MiB are wanted, 1 MiB is needed, in at most two pieces.
  ...bySection("5.21", [
    admin(0x4002, "host memory for a controller that wants none", lend({})),
    admin(0x4002, "less host memory than is needed", lend({ 12: 255 }), hostMemory()),
    admin(0x4002, "host memory buffer without a segment", lend({ 15: 0 }), hostMemory()),
    admin(0x4002, "host memory buffer with too many segments", lend({ 15: 3 }), hostMemory()),
    admin(
      0x4002,
      "list of host memory not at a multiple of 16",
      lend({ 13: LIST + 8 }),
      hostMemory(),
    ),
    admin(0x4002, "list of host memory at 2^53", lend({ 14: 2 ** 21 }), hostMemory()),
    admin(0x0004, "list of host memory that the device cannot read", {
      ...lend({ 13: HOLE_AT }),
    }, hostMemory()),
    admin(0x4002, "host memory inside a page", lend({}), hostMemory(0x40_0010)),
    admin(0x4002, "host memory at 2^60", lend({}), hostMemory(2n ** 60n)),
    admin(0x4002, "host memory that is smaller than it is said to be", {
      ...lend({ 12: 1024 }),
    }, hostMemory()),
  ]),
  // Queues.
  ...bySection("5.3", [
    admin(0x4101, "completion queue 0", createCq({ 10: 0x003f_0000 })),
    admin(0x4101, "completion queue that exists", createCq({ 10: 0x003f_0001 })),
    admin(0x4101, "completion queue beyond the granted ones", createCq({ 10: 0x003f_0003 })),
    admin(0x4102, "completion queue of one entry", createCq({ 10: 0x0000_0002 })),
    admin(0x4102, "completion queue of more than MQES + 1", createCq({ 10: 0x0040_0002 })),
    admin(0x4002, "completion queue not contiguous", createCq({ 11: 0x0002_0002 })),
    admin(0x4108, "interrupt vector that does not exist", createCq({ 11: 0x0003_0003 })),
    admin(0x4013, "completion queue inside a page", createCq({}, 0xa010)),
    admin(0x4002, "completion queue at 2^60", createCq({}, 2n ** 60n)),
  ]),
  ...bySection("5.4", [
    admin(0x4101, "submission queue 0", createSq({ 10: 0x003f_0000 })),
    admin(0x4101, "submission queue that exists", createSq({ 10: 0x003f_0001 })),
    admin(0x4101, "submission queue beyond the granted ones", createSq({ 10: 0x003f_0003 })),
    admin(0x4102, "submission queue of one entry", createSq({ 10: 0x0000_0002 })),
    admin(0x4102, "submission queue of more than MQES + 1", createSq({ 10: 0x0040_0002 })),
    admin(0x4002, "submission queue not contiguous", createSq({ 11: 0x0001_0000 })),
    admin(0x4013, "submission queue inside a page", createSq({}, 0xa040)),
    admin(0x4101, "submission queue that completes at the admin queue", createSq({ 11: 1 })),
    admin(0x4101, "submission queue that completes nowhere", createSq({ 11: 0x0009_0001 })),
    admin(0x4100, "submission queue whose completion queue is not there", {
      ...createSq({ 11: 0x0002_0001 }),
    }),
  ]),
  ...bySection("5.6", [
    admin(0x4101, "the admin submission queue deleted", dword10(0x00, 0)),
    admin(0x4101, "submission queue deleted that does not exist", dword10(0x00, 2)),
  ]),
  ...bySection("5.5", [
    admin(0x4101, "the admin completion queue deleted", dword10(0x04, 0)),
    admin(0x4101, "completion queue deleted that does not exist", dword10(0x04, 2)),
    admin(0x410c, "completion queue deleted before its submission queue", dword10(0x04, 1)),
  ]),
];
