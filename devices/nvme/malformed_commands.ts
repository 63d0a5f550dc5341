/**
 * Malformed commands, one in each row. Each row has the status that the NVM Express Base
 * Specification (1.4) requires. A controller must return this status in the tests of this folder
 * and in the test vectors.
 *
 * Addresses refer to a flat memory of 16 MiB. Its other contents do not matter.
 */
import { type CommandFields, sglDescriptorBytes, u64Bytes } from "./command_bytes.ts";
import type { ControllerSettings } from "./controller/nvme_controller.ts";

const [FLUSH, WRITE, COMPARE, WRITE_ZEROES, DSM] = [0x00, 0x01, 0x05, 0x08, 0x09];
const BUFFER = 0x10_0000;
const LIST = 0x9000;
const NEXT_LIST = 0xb000;
const METADATA = 0x30_0000;
/** Address of a page that no device can access. */
export const UNREACHABLE_AT = 0x55 * 4096;
const HOLE_AT = UNREACHABLE_AT;

/** The disk's capacity, unless a row specifies another. */
export const MALFORMED_CAPACITY_BYTES = 512 * 2 ** 20;

/** The controller and the disk of a command. Missing keys have the simplest values. */
export interface MalformedTarget extends Partial<ControllerSettings> {
  readonly metadataBytes?: number;
  readonly capacityBytes?: number;
}

/** Bytes to write to memory before the command is sent. */
interface MemoryBytes {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A command, its controller, and the contents of memory. */
export interface PlacedCommand {
  readonly fields: CommandFields;
  readonly on: MalformedTarget;
  /** Lists and data at the addresses in the command. */
  readonly memory: readonly MemoryBytes[];
}

/** A command that succeeds. */
interface WellFormedCommand extends PlacedCommand {
  /** Admin commands to run before the command. They succeed too. */
  readonly first: readonly CommandFields[];
}

export interface MalformedCommand extends PlacedCommand {
  readonly text: string;
  /** The status field without the phase bit. */
  readonly status: number;
  /** The section of the specification that defines the error. */
  readonly section: string;
  readonly admin: boolean;
  /** The same command without the mistake: this proves that the row has only one mistake. */
  readonly twin: WellFormedCommand;
}

type More = Partial<Omit<WellFormedCommand, "fields">>;
type Row = Omit<MalformedCommand, "section">;

function well(fields: CommandFields, more: More = {}): WellFormedCommand {
  return { fields, on: {}, memory: [], first: [], ...more };
}

/**
 * A row: a command that differs from its well-formed twin by one mistake in the fields, in the
 * target, or in memory.
 */
function io(
  status: number,
  text: string,
  twin: WellFormedCommand,
  mistake: CommandFields,
  { on = twin.on, memory = twin.memory }: More = {},
): Row {
  const dwords = { ...twin.fields.dwords, ...mistake.dwords };
  const fields = { ...twin.fields, ...mistake, dwords };
  return { status, text, fields, admin: false, on, memory, twin };
}

function admin(...row: Parameters<typeof io>): Row {
  return { ...io(...row), admin: true };
}

/** Rows for one section of the specification. */
function bySection(section: string, rows: readonly Row[]): readonly MalformedCommand[] {
  return rows.map((row) => ({ ...row, section }));
}

/** PRP entries in memory, at an address. */
function entries(at: number, ...prps: readonly (number | bigint)[]): MemoryBytes[] {
  return prps.map((prp, index) => ({ at: at + index * 8, bytes: u64Bytes(prp) }));
}

/** A list of six data pages, with some entries changed. */
function list(change: Readonly<Record<number, number | bigint>> = {}): More {
  const pages = [0, 1, 2, 3, 4, 5].map((index) => 0x20_0000 + index * 0x1_0000);
  return { memory: entries(LIST, ...Object.assign(pages, change)) };
}

/**
 * A list that begins two entries before the end of its page. The second of these entries is a link
 * to the next page.
 */
function listEnd(link: number | bigint): More {
  return {
    memory: [
      ...entries(LIST + 0xff0, 0x20_0000, link),
      ...entries(NEXT_LIST, 0x21_0000, 0x22_0000, 0x23_0000, 0x24_0000),
    ],
  };
}

type Descriptor = readonly [address: number | bigint, length: number, type: number];

const SGL: MalformedTarget = { sgl: true, metadataSgl: true };

/** A segment of descriptors in memory, at the address of the list. */
function segment(...descriptors: readonly Descriptor[]): More {
  return {
    on: SGL,
    memory: descriptors.map((descriptor, index) => ({
      at: LIST + index * 16,
      bytes: sglDescriptorBytes(...descriptor),
    })),
  };
}

/** A segment of descriptors of the given types, each for 512 bytes. */
function ofTypes(...types: readonly number[]): More {
  return segment(...types.map((type, index) => [0x20_0000 + index * 0x1_0000, 512, type] as const));
}

function sgl(...descriptor: Descriptor): CommandFields {
  return { flags: 0x40, sgl: descriptor };
}

const dwords = (dwords: Record<number, number>): CommandFields => ({ dwords });
const DISK = { on: { capacityBytes: 512 * 100 } };
const READ = well({ prp1: BUFFER });
const WRITTEN = well({ opcode: WRITE, prp1: BUFFER });
const COMPARED = well({ opcode: COMPARE, prp1: BUFFER });
const TWO_PAGES = well({ prp1: BUFFER, prp2: 0x20_0000, blocks: 16 });
const PRP_LIST: CommandFields = { prp1: BUFFER, prp2: LIST, blocks: 48 };
const LISTED = well(PRP_LIST, list());
const LINKED = well({ ...PRP_LIST, prp2: LIST + 0xff0 }, listEnd(NEXT_LIST));
const ONE_SGL = well(sgl(BUFFER, 512, 0), { on: SGL });
/**
 * Two blocks, each with its own descriptor. Both descriptors are in one segment, or the second is
 * in a separate segment.
 */
const SGL_LIST = well({ ...sgl(LIST, 32, 0x30), blocks: 2 }, ofTypes(0, 0));
const IN_NEXT = [[LIST + 32, 16, 0x30], [0x21_0000, 512, 0]] as const;
const SGL_CHAIN = well(
  { ...sgl(LIST, 32, 0x20), blocks: 2 },
  segment([0x20_0000, 512, 0], ...IN_NEXT),
);
const MDTS: More = { ...list(), on: { mdtsExponent: 1 } };

/** A command that deallocates the given number of blocks, beginning with block 0. */
function deallocate(blocks: number): WellFormedCommand {
  return well({ opcode: DSM, prp1: BUFFER, dwords: { 10: 0, 11: 4 } }, {
    memory: [{ at: BUFFER, bytes: sglDescriptorBytes(blocks * 2 ** 32, 0, 0) }],
  });
}

const identify = (cns: number, nsid = 0): WellFormedCommand =>
  well({ opcode: 0x06, nsid, prp1: BUFFER, dwords: { 10: cns } });
const IDENTIFY = identify(0x01);
const dword10 = (opcode: number, value: number, eleven = 0): CommandFields => ({
  opcode,
  prp1: BUFFER,
  dwords: { 10: value, 11: eleven },
});
const SET_CACHE = well(dword10(0x09, 0x06, 1));
const GET_CACHE = well(dword10(0x0a, 0x06));
const LOG_PAGE = well(dword10(0x02, 0x007f_0002));
const SHADOW = well({ opcode: 0x7c, prp1: 0xa000, prp2: 0xb000 }, {
  on: { shadowDoorbells: true },
});

/** Commands that create queues of 64 entries; contiguous, with interrupts. */
const NEW_CQ = well({ opcode: 0x05, prp1: 0xa000, dwords: { 10: 0x003f_0002, 11: 0x0002_0003 } });
const NEW_SQ = well({ opcode: 0x01, prp1: 0xa000, dwords: { 10: 0x003f_0002, 11: 0x0001_0001 } });
const DELETE_SQ = well(dword10(0x00, 1));
const DELETE_CQ = well(dword10(0x04, 1), { first: [DELETE_SQ.fields] });
const QUEUES = well(dword10(0x09, 0x07, 0x0001_0001), {
  first: [DELETE_SQ.fields, DELETE_CQ.fields],
});

/** A list with one piece of host memory, of 2 MiB. */
const piece = (address: number | bigint): More => ({
  memory: [{ at: LIST, bytes: sglDescriptorBytes(address, 512, 0) }],
});
/** Set Features, Host Memory Buffer, for a controller that requests host memory. */
const LENT = well({ opcode: 0x09, dwords: { 10: 0x0d, 11: 1, 12: 512, 13: LIST, 15: 1 } }, {
  on: {
    hostMemory: {
      preferredBytes: 2 ** 22,
      minimumBytes: 2 ** 20,
      smallestChunkBytes: 0,
      mostChunks: 2,
    },
  },
  ...piece(0x40_0000),
});

export const MALFORMED_COMMANDS: readonly MalformedCommand[] = [
  // Fields of every command: opcode, namespace, flags.
  ...bySection("4.2", [
    io(0x4001, "opcode that does not exist", READ, { opcode: 0x7f }),
    io(0x4001, "opcode of a command set that does not exist", READ, { opcode: 0x79 }),
    io(0x400b, "namespace that does not exist", READ, { nsid: 2 }),
    io(0x400b, "namespace 0", READ, { nsid: 0 }),
    io(0x400b, "read of all namespaces", READ, { nsid: 0xffff_ffff }),
    io(0x400b, "flush of namespace 0", well({ opcode: FLUSH }), { nsid: 0 }),
    io(0x4002, "first half of a fused command", READ, { flags: 0x01 }),
    io(0x4002, "second half of a fused command", WRITTEN, { flags: 0x02 }),
    io(0x4002, "reserved pointer format", ONE_SGL, { flags: 0xc0 }),
  ]),
  // Blocks.
  ...bySection("6", [
    io(0x4080, "blocks beyond the end of the disk", well({ prp1: BUFFER, lba: 99 }, DISK), {
      blocks: 2,
    }),
    io(0x4080, "first block past the end", { ...WRITTEN, ...DISK }, { lba: 100 }),
    io(0x4080, "first block of 2^63", READ, { lba: 2n ** 63n }),
    io(0x4080, "first block of 2^64 - 1, and one more", READ, { lba: 2n ** 64n - 1n }),
    io(0x4080, "compare beyond the end", { ...COMPARED, ...DISK }, { lba: 100 }),
    io(0x4080, "write zeroes beyond the end", well({ opcode: WRITE_ZEROES, lba: 99 }, DISK), {
      lba: 100,
    }),
  ]),
  ...bySection("5.15", [
    io(0x4002, "transfer beyond MDTS", well({ ...PRP_LIST, blocks: 16 }, MDTS), { blocks: 17 }),
    io(
      0x4002,
      "compare beyond MDTS",
      well({ ...PRP_LIST, opcode: COMPARE, blocks: 16 }, MDTS),
      { blocks: 17 },
    ),
  ]),
  // PRPs.
  ...bySection("4.3", [
    io(0x4013, "PRP1 not a multiple of 4", READ, { prp1: BUFFER + 1 }),
    io(0x4013, "PRP1 of a write not a multiple of 4", WRITTEN, { prp1: BUFFER + 2 }),
    io(0x4013, "PRP2 as data with an offset", TWO_PAGES, { prp2: 0x20_0200 }),
    io(0x4013, "PRP list pointer not a multiple of 8", LISTED, { prp2: LIST + 4 }),
    io(0x4013, "PRP list entry with an offset", LISTED, {}, list({ 3: 0x23_0008 })),
    io(0x4013, "last PRP list entry with an offset", LISTED, {}, list({ 4: 0x24_0ffc })),
    io(
      0x4013,
      "PRP list one entry short: what follows in memory is no page",
      well({ ...PRP_LIST, blocks: 56 }, list()),
      {},
      list({ 5: 0xa5a5_a5a5_a5a5_a5a5n }),
    ),
    io(0x4013, "PRP list link with an offset", LINKED, {}, listEnd(NEXT_LIST + 16)),
    io(0x0004, "PRP list that the device cannot read", LISTED, { prp2: HOLE_AT }),
    io(0x0004, "PRP list that continues at an unreadable address", LINKED, {}, listEnd(HOLE_AT)),
    io(0x0004, "PRP list at 2^53", LISTED, { prp2: 2n ** 53n }),
    io(0x0004, "PRP list that continues at 2^60", LINKED, {}, listEnd(2n ** 60n)),
    io(0x0004, "PRP1 of 2^53", READ, { prp1: 2n ** 53n }),
    io(0x0004, "PRP2 as data of 2^63", TWO_PAGES, { prp2: 2n ** 63n }),
    io(0x0004, "PRP list entry of 2^53", LISTED, {}, list({ 4: 2n ** 53n })),
    io(0x0004, "PRP1 that the device cannot write", READ, { prp1: HOLE_AT }),
    io(0x0004, "write from where the device cannot read", WRITTEN, { prp1: HOLE_AT }),
    io(0x0004, "compare with what the device cannot read", COMPARED, { prp1: HOLE_AT }),
  ]),
  // SGLs.
  ...bySection("4.4", [
    io(0x4002, "SGL on a controller without SGLs", ONE_SGL, {}, { on: {} }),
    io(
      0x4002,
      "metadata SGL on a controller without them",
      well({ ...ONE_SGL.fields, flags: 0x80 }, { on: SGL }),
      {},
      { on: { sgl: true } },
    ),
    io(0x4011, "SGL bit bucket", ONE_SGL, sgl(BUFFER, 512, 0x10)),
    io(0x4011, "SGL keyed data block", ONE_SGL, sgl(BUFFER, 512, 0x40)),
    io(0x4011, "SGL transport data block", ONE_SGL, sgl(BUFFER, 512, 0x50)),
    io(0x4011, "SGL data block with an offset subtype", ONE_SGL, sgl(BUFFER, 512, 0x01)),
    io(0x4011, "SGL segment with an offset subtype", SGL_CHAIN, sgl(LIST, 32, 0x21)),
    io(0x4011, "SGL type that does not exist, in a list", SGL_LIST, {}, ofTypes(0x00, 0x70)),
    io(0x400d, "SGL segment of 24 bytes", SGL_LIST, sgl(LIST, 24, 0x30)),
    io(0x400d, "SGL segment without descriptors", SGL_CHAIN, sgl(LIST, 0, 0x20)),
    io(0x400d, "SGL segment at a multiple of 4", SGL_LIST, sgl(LIST + 4, 32, 0x30)),
    io(0x400d, "SGL segment inside a last segment", SGL_LIST, {}, ofTypes(0x00, 0x20)),
    io(
      0x400d,
      "SGL segment that is not the last and ends with data",
      SGL_LIST,
      sgl(LIST, 32, 0x20),
    ),
    io(
      0x400e,
      "SGL segment descriptor in the middle of a segment",
      SGL_CHAIN,
      {},
      segment(IN_NEXT[0], [0x20_0000, 512, 0], IN_NEXT[1]),
    ),
    io(
      0x400e,
      "SGL segment that points to itself",
      well(sgl(LIST, 16, 0x20), segment([LIST + 16, 16, 0x30], [0x20_0000, 512, 0])),
      {},
      segment([LIST, 16, 0x20]),
    ),
    io(
      0x400e,
      "SGL segment of more descriptors than a controller follows",
      SGL_LIST,
      sgl(LIST, 2 ** 21, 0x30),
    ),
    io(0x400f, "SGL shorter than the data", ONE_SGL, sgl(BUFFER, 511, 0)),
    io(0x400f, "SGL longer than the data", ONE_SGL, sgl(BUFFER, 1024, 0)),
    io(0x400f, "SGL of nothing", ONE_SGL, sgl(BUFFER, 0, 0)),
    io(0x400f, "SGL list one descriptor short", SGL_LIST, { blocks: 3 }),
    io(
      0x400f,
      "SGL list longer than the data by one descriptor",
      SGL_LIST,
      sgl(LIST, 48, 0x30),
      ofTypes(0, 0, 0),
    ),
    io(0x0004, "SGL list that the device cannot read", SGL_LIST, sgl(HOLE_AT, 32, 0x30)),
    io(0x0004, "SGL segment at 2^53", SGL_LIST, sgl(2n ** 53n, 32, 0x30)),
    io(0x0004, "SGL data block of 2^53", ONE_SGL, sgl(2n ** 53n, 512, 0)),
    io(0x0004, "SGL data block that the device cannot write", ONE_SGL, sgl(HOLE_AT, 512, 0)),
    io(
      0x0004,
      "SGL list that continues at an unreadable address",
      SGL_CHAIN,
      {},
      segment([0x20_0000, 512, 0], [HOLE_AT, 16, 0x30]),
    ),
  ]),
  // Metadata.
  ...bySection("4.2", [
    io(
      0x4002,
      "flat metadata pointer not a multiple of 4",
      well({ prp1: BUFFER, mptr: METADATA }, { on: { metadataBytes: 8 } }),
      { mptr: METADATA + 2 },
    ),
  ]),
  // Dataset management.
  ...bySection("6.7", [
    io(
      0x4080,
      "range to deallocate beyond the end",
      { ...deallocate(100), ...DISK },
      {},
      { ...deallocate(101), ...DISK },
    ),
    io(0x4013, "list of ranges not at a multiple of 4", deallocate(100), { prp1: BUFFER + 2 }),
    io(0x0004, "list of ranges that the device cannot read", deallocate(100), { prp1: HOLE_AT }),
    io(0x400b, "ranges of no namespace", deallocate(100), { nsid: 0 }),
  ]),
  // Admin commands: common fields, identify, features, logs.
  ...bySection("5", [
    admin(0x4001, "admin opcode that does not exist", SHADOW, {}, { on: {} }),
    admin(0x4001, "format, which this controller cannot", IDENTIFY, { opcode: 0x80, nsid: 1 }),
    admin(0x4002, "admin command with an SGL", IDENTIFY, { flags: 0x40 }),
    admin(0x4002, "fused admin command", IDENTIFY, { flags: 0x01 }),
  ]),
  ...bySection("5.15", [
    admin(0x4002, "identify of what does not exist", IDENTIFY, dwords({ 10: 0x0f })),
    admin(0x400b, "identify namespace 0", identify(0x00, 1), { nsid: 0 }),
    admin(0x400b, "identify descriptors of namespace 2", identify(0x03, 1), { nsid: 2 }),
    admin(0x400b, "list of namespaces after 2^32 - 2", identify(0x02), { nsid: 0xffff_fffe }),
    admin(0x4013, "identify page at an odd address", IDENTIFY, { prp1: BUFFER + 1 }),
    admin(
      0x4013,
      "second half of an identify page with an offset",
      well({ ...IDENTIFY.fields, prp1: BUFFER + 0x800, prp2: 0x20_0000 }),
      { prp2: 0x20_0004 },
    ),
    admin(0x0004, "identify page that the device cannot write", IDENTIFY, { prp1: HOLE_AT }),
    admin(0x0004, "identify page at 2^53", IDENTIFY, { prp1: 2n ** 53n }),
  ]),
  ...bySection("5.21", [
    admin(0x4002, "feature that does not exist", SET_CACHE, dwords({ 10: 0x7f })),
  ]),
  ...bySection("5.13", [
    admin(0x4002, "value of a feature that does not exist", GET_CACHE, dwords({ 10: 0x7f })),
    admin(0x4002, "default value of a feature", GET_CACHE, dwords({ 10: 0x106 })),
  ]),
  ...bySection("5.21", [
    admin(0x410d, "feature that is to be saved", SET_CACHE, dwords({ 10: 0x8000_0006 })),
    admin(0x400c, "number of queues when there are some", QUEUES, {}),
  ]),
  ...bySection("5.14", [
    admin(0x4109, "log page that does not exist", LOG_PAGE, dwords({ 10: 0x007f_0005 })),
    admin(0x4013, "log page to an odd address", LOG_PAGE, { prp1: BUFFER + 1 }),
  ]),
  // Doorbells in memory.
  ...bySection("5.7", [
    admin(0x4013, "shadow doorbells inside a page", SHADOW, { prp1: 0xa008 }),
    admin(0x4013, "wake-up values inside a page", SHADOW, { prp2: 0xb004 }),
    admin(0x4002, "shadow doorbells at 2^53", SHADOW, { prp1: 2n ** 53n }),
  ]),
  // Host memory for the controller. The controller requests 4 MiB, and needs at least 1 MiB in at
  // most two pieces.
  ...bySection("5.21", [
    admin(0x4002, "host memory for a controller that wants none", LENT, {}, { on: {} }),
    admin(0x4002, "less host memory than is needed", LENT, dwords({ 12: 255 })),
    admin(0x4002, "host memory buffer without a segment", LENT, dwords({ 15: 0 })),
    admin(0x4002, "host memory buffer with too many segments", LENT, dwords({ 15: 3 })),
    admin(0x4002, "list of host memory not at a multiple of 16", LENT, dwords({ 13: LIST + 8 })),
    admin(0x4002, "list of host memory at 2^53", LENT, dwords({ 14: 2 ** 21 })),
    admin(0x0004, "list of host memory that the device cannot read", LENT, dwords({ 13: HOLE_AT })),
    admin(0x4002, "host memory inside a page", LENT, {}, piece(0x40_0010)),
    admin(0x4002, "host memory at 2^60", LENT, {}, piece(2n ** 60n)),
    admin(0x4002, "host memory buffer smaller than declared", LENT, dwords({ 12: 1024 })),
  ]),
  // Queues.
  ...bySection("5.3", [
    admin(0x4101, "completion queue 0", NEW_CQ, dwords({ 10: 0x003f_0000 })),
    admin(0x4101, "completion queue that exists", NEW_CQ, dwords({ 10: 0x003f_0001 })),
    admin(0x4101, "completion queue beyond the granted ones", NEW_CQ, dwords({ 10: 0x003f_0003 })),
    admin(0x4102, "completion queue of one entry", NEW_CQ, dwords({ 10: 0x0000_0002 })),
    admin(0x4102, "completion queue of more than MQES + 1", NEW_CQ, dwords({ 10: 0x0040_0002 })),
    admin(0x4002, "completion queue not contiguous", NEW_CQ, dwords({ 11: 0x0002_0002 })),
    admin(0x4108, "interrupt vector that does not exist", NEW_CQ, dwords({ 11: 0x0003_0003 })),
    admin(0x4013, "completion queue inside a page", NEW_CQ, { prp1: 0xa010 }),
    admin(0x4002, "completion queue at 2^60", NEW_CQ, { prp1: 2n ** 60n }),
  ]),
  ...bySection("5.4", [
    admin(0x4101, "submission queue 0", NEW_SQ, dwords({ 10: 0x003f_0000 })),
    admin(0x4101, "submission queue that exists", NEW_SQ, dwords({ 10: 0x003f_0001 })),
    admin(0x4101, "submission queue beyond the granted ones", NEW_SQ, dwords({ 10: 0x003f_0003 })),
    admin(0x4102, "submission queue of one entry", NEW_SQ, dwords({ 10: 0x0000_0002 })),
    admin(0x4102, "submission queue of more than MQES + 1", NEW_SQ, dwords({ 10: 0x0040_0002 })),
    admin(0x4002, "submission queue not contiguous", NEW_SQ, dwords({ 11: 0x0001_0000 })),
    admin(0x4013, "submission queue inside a page", NEW_SQ, { prp1: 0xa040 }),
    admin(0x4101, "submission queue that completes at the admin queue", NEW_SQ, dwords({ 11: 1 })),
    admin(0x4101, "submission queue that completes nowhere", NEW_SQ, dwords({ 11: 0x0009_0001 })),
    admin(
      0x4100,
      "submission queue whose completion queue does not exist",
      NEW_SQ,
      dwords({ 11: 0x0002_0001 }),
    ),
  ]),
  ...bySection("5.6", [
    admin(0x4101, "the admin submission queue deleted", DELETE_SQ, dwords({ 10: 0 })),
    admin(0x4101, "submission queue deleted that does not exist", DELETE_SQ, dwords({ 10: 2 })),
  ]),
  ...bySection("5.5", [
    admin(0x4101, "the admin completion queue deleted", DELETE_CQ, dwords({ 10: 0 })),
    admin(0x4101, "completion queue deleted that does not exist", DELETE_CQ, dwords({ 10: 2 })),
    admin(0x410c, "completion queue deleted before its submission queue", DELETE_CQ, {}),
  ]),
];
