/** Admin commands bit by bit; the test plays the controller. */
import { assertEquals, assertThrows } from "@std/assert";
import { BLK_STS, type DmaAddr, KernelError, viewOf } from "@dmalab/runtime";
import { testBench } from "@dmalab/runtime/testing";
import type { NvmeRequest } from "./request.ts";
import type { NamespaceFacts } from "./nvme_limits.ts";
import type { QueuePair } from "./queues.ts";
import { AdminCommands } from "./admin_commands.ts";
import type { HostMemoryBuffer } from "./host_memory_buffer.ts";

/** The fields of a command that the controller receives. */
interface Sent {
  readonly opcode: number;
  readonly nsid: number;
  readonly prp1: bigint;
  readonly prp2: bigint;
  /** Dwords 10 to 15. */
  readonly dwords: readonly number[];
}

interface Bench {
  readonly commands: AdminCommands;
  readonly sent: Sent[];
  /** Bytes of the page allocator that are not yet freed. */
  takenBytes(): number;
}

/**
 * @param answer Fills the page that Identify returns, and may return the command's result; `false`
 *   makes the command fail.
 */
function bench(
  answer: (page: DataView, sent: Sent) => number | false | void = () => {},
): Bench {
  const { machine } = testBench();
  const sent: Sent[] = [];
  const runAdmin = (request: NvmeRequest) => {
    const view = viewOf(request.template!);
    const command = {
      opcode: view.getUint8(0),
      nsid: view.getUint32(4, true),
      prp1: view.getBigUint64(24, true),
      prp2: view.getBigUint64(32, true),
      dwords: [40, 44, 48, 52, 56, 60].map((at) => view.getUint32(at, true)),
    };
    sent.push(command);
    const page = new Uint8Array(4096);
    const result = answer(new DataView(page.buffer), command);
    const vec = request.bios[0]?.vecs[0];
    if (vec !== undefined) machine.hostMemory.write(vec.phys, page, 0, page.length);
    if (result === false) request.statusCode = BLK_STS.IOERR;
    else request.result = result ?? 0;
  };
  const { takenBytes } = machine.pages;
  return {
    commands: new AdminCommands({
      machine,
      dev: { name: "ssd" },
      adminLimits: {} as never,
      runAdmin,
    }),
    sent,
    takenBytes: () => machine.pages.takenBytes - takenBytes,
  };
}

/** Facts that the driver reads from an Identify structure in which only these bytes are not 0. */
function facts(bytes: Readonly<Record<number, number>>, minPageExponent = 0) {
  const { commands } = bench((page) => {
    for (const [at, value] of Object.entries(bytes)) page.setUint8(Number(at), value);
  });
  const { hostMemory, ...known } = commands.identifyController(minPageExponent);
  return { ...known, ...hostMemory };
}

const NOTHING = {
  mdtsBytes: 0,
  sgl: false,
  metadataSgl: false,
  discard: false,
  writeZeroes: false,
  volatileWriteCache: false,
  preferredBytes: 0,
  minimumBytes: 0,
  smallestChunkBytes: 0,
  mostChunks: 0,
  abortLimit: 1,
  takesShadowDoorbells: false,
};

Deno.test("each field of Identify Controller lies where the specification has it (NVM Express 1.4, figure 247)", () => {
  assertEquals(facts({}), NOTHING);
  assertEquals(facts({ 77: 3 }), { ...NOTHING, mdtsBytes: 8 * 4096 });
  assertEquals(facts({ 77: 3 }, 2), { ...NOTHING, mdtsBytes: 32 * 4096 });
  assertEquals(facts({ 257: 1 }), { ...NOTHING, takesShadowDoorbells: true });
  assertEquals(facts({ 256: 0xff, 257: 0xfe }), NOTHING);
  assertEquals(facts({ 258: 3 }), { ...NOTHING, abortLimit: 4 });
  assertEquals(facts({ 272: 5, 275: 1 }), { ...NOTHING, preferredBytes: (2 ** 24 + 5) * 4096 });
  assertEquals(facts({ 276: 5, 279: 1 }), { ...NOTHING, minimumBytes: (2 ** 24 + 5) * 4096 });
  assertEquals(facts({ 332: 5, 335: 1 }), { ...NOTHING, smallestChunkBytes: (2 ** 24 + 5) * 4096 });
  assertEquals(facts({ 336: 5, 337: 1 }), { ...NOTHING, mostChunks: 261 });
  assertEquals(facts({ 520: 1 << 2 }), { ...NOTHING, discard: true });
  assertEquals(facts({ 520: 1 << 3 }), { ...NOTHING, writeZeroes: true });
  assertEquals(facts({ 520: 0xf3, 521: 0xff }), NOTHING);
  assertEquals(facts({ 525: 1 }), { ...NOTHING, volatileWriteCache: true });
  assertEquals(facts({ 525: 0xfe }), NOTHING);
  assertEquals(facts({ 536: 1 }), { ...NOTHING, sgl: true });
  assertEquals(facts({ 536: 2 }), { ...NOTHING, sgl: true });
  assertEquals(facts({ 538: 1 << 3 }), { ...NOTHING, metadataSgl: true });
  assertEquals(facts({ 536: 0xfc, 537: 0xff, 538: 0xf7, 539: 0xff }), NOTHING);
});

Deno.test("a controller that does not identify itself is an I/O error, and its page is freed", () => {
  const { commands, takenBytes } = bench(() => false);
  const error = assertThrows(() => commands.identifyController(0), KernelError);
  assertEquals(error.message, "ssd refuses to identify itself: EIO");
  assertEquals(takenBytes(), 0);
});

Deno.test("fewer of granted and asked queues are made; numbers on the wire are one less (NVM Express 1.4, 5.21.1.7)", () => {
  const { commands, sent } = bench(() => 0x0007_0004);
  assertEquals([commands.numberOfQueues(3), commands.numberOfQueues(9)], [3, 5]);
  const other = bench(() => 0x0002_0008);
  assertEquals(other.commands.numberOfQueues(9), 3);
  assertEquals(sent.map(({ opcode, dwords }) => [opcode, dwords[0], dwords[1]]), [
    [0x09, 7, 0x0002_0002],
    [0x09, 7, 0x0008_0008],
  ]);
  assertEquals(bench(() => false).commands.numberOfQueues(3), 0);
});

const QUEUE = {
  id: 5,
  depthEntries: 64,
  polled: false,
  vector: 3,
  cq: { dma: 0x12_3456_7000 as DmaAddr },
  sq: { dma: 0x12_3457_8000 as DmaAddr },
} as unknown as QueuePair;

Deno.test("a queue is its completion side with its vector, then its submission side (NVM Express 1.4, 5.3 and 5.4)", () => {
  const { commands, sent } = bench();
  assertEquals(commands.createQueue(QUEUE), true);
  assertEquals(commands.createQueue({ ...QUEUE, polled: true } as QueuePair), true);
  assertEquals(sent.map(({ opcode, prp1, dwords: [size, flags] }) => [opcode, prp1, size, flags]), [
    [0x05, 0x12_3456_7000n, 0x003f_0005, 0x0003_0003],
    [0x01, 0x12_3457_8000n, 0x003f_0005, 0x0005_0001],
    // A polled queue has no interrupt.
    [0x05, 0x12_3456_7000n, 0x003f_0005, 0x0000_0001],
    [0x01, 0x12_3457_8000n, 0x003f_0005, 0x0005_0001],
  ]);
});

Deno.test("the Host Memory Buffer is set by its pages, its list and its chunks; returned memory is marked (MR) (NVM Express 1.4, 5.21.1.13)", () => {
  const { commands, sent } = bench((_, { dwords }) => dwords[1] === 3 ? false : 0);
  const memory = {
    sizeBytes: 10 * 4096,
    listDma: 0x23_4567_8000 as DmaAddr,
    chunks: [{}, {}, {}],
  } as unknown as HostMemoryBuffer;
  assertEquals([commands.lendMemory(memory, false), commands.lendMemory(memory, true)], [
    true,
    false,
  ]);
  assertEquals(sent.map(({ opcode, dwords }) => [opcode, ...dwords]), [
    [0x09, 0x0d, 1, 10, 0x4567_8000, 0x23, 3],
    [0x09, 0x0d, 3, 10, 0x4567_8000, 0x23, 3],
  ]);
});

/** The Identify requests up to the first namespace, as `[structure, namespace]`, and the result. */
function found(
  version: number,
  fill: (page: DataView, structure: number) => false | void,
): [readonly [number, number][], NamespaceFacts | null] {
  const { commands, sent, takenBytes } = bench((page, { dwords }) => fill(page, dwords[0]!));
  const facts = commands.findNamespace(version);
  assertEquals(takenBytes(), 0);
  return [sent.map(({ nsid, dwords }) => [dwords[0]!, nsid] as [number, number]), facts];
}

/**
 * Fills the page: the first namespace is namespace 7, and format 2 of this namespace has blocks of
 * 4 KiB and 8 bytes of metadata.
 */
function namespace(page: DataView, structure: number): void {
  if (structure === 0x02) page.setUint32(0, 7, true);
  if (structure !== 0x00) return;
  page.setBigUint64(0, 1000n, true);
  page.setBigUint64(8, 900n, true);
  page.setUint8(26, 0xe2);
  page.setUint16(46, 32, true);
  page.setUint16(136, 8, true);
  page.setUint8(138, 12);
}

/** Structures that the driver requests for namespace 7, by NVMe version. */
const ASKED: readonly (readonly [versions: number[], structures: number[]])[] = [
  [[0x1_0100, 0x1_01ff], [0x00]],
  [[0x1_0200, 0x1_02ff], [0x00, 0x05]],
  [[0x1_0300, 0x1_ffff], [0x03, 0x00, 0x05]],
  [[0x2_0000], [0x03, 0x08, 0x00, 0x05]],
];

Deno.test("what is asked of a namespace grows with the version, however late its tertiary number (nvme.md 5.2)", () => {
  const known = { blockCount: 1000, metadataBytes: 8, blockSizeBytes: 4096, boundaryBlocks: 32 };
  const asksForCommandSet = (version: number) => {
    const { commands, sent } = bench();
    commands.identifyCommandSet(version);
    return sent.map(({ dwords }) => dwords[0]);
  };
  for (const version of [0x1_0000, 0x1_00ff]) {
    assertEquals(found(version, namespace), [[[0x00, 1]], { nsid: 1, ...known }]);
    assertEquals(asksForCommandSet(version), []);
  }
  for (const [versions, structures] of ASKED) {
    for (const version of versions) {
      const asked = structures.map((structure): [number, number] => [structure, 7]);
      assertEquals(found(version, namespace), [[[0x02, 0], ...asked], { nsid: 7, ...known }]);
      assertEquals(asksForCommandSet(version), version < 0x1_0200 ? [] : [0x06]);
    }
  }
});

Deno.test("no list, no namespace in it, no descriptors, no structure: no namespace, and no further question", () => {
  const without = (refused: number) =>
    found(
      0x2_0000,
      (page, structure) => structure === refused ? false : namespace(page, structure),
    );
  assertEquals(without(0x02), [[[0x02, 0]], null]);
  assertEquals(without(0x03), [[[0x02, 0], [0x03, 7]], null]);
  assertEquals(without(0x00), [[[0x02, 0], [0x03, 7], [0x08, 7], [0x00, 7]], null]);
  assertEquals(without(0x08)[1]?.nsid, 7, "a structure that adds nothing may be refused");
  assertEquals(found(0x2_0000, () => {}), [[[0x02, 0]], null]);
});

Deno.test("a namespace without capacity, or whose metadata follows each block's data, is none (nvme.md 5.2)", () => {
  const withByte = (at: number, value: number) =>
    found(0x1_0000, (page, structure) => {
      namespace(page, structure);
      if (at === 8) page.setBigUint64(8, 0n, true);
      page.setUint8(at, value);
    })[1]?.blockSizeBytes ?? null;
  assertEquals([0, 1].map((ncap) => withByte(8, ncap)), [null, 4096]);
  assertEquals([0x02, 0x12, 0xef, 0x0f].map((flbas) => withByte(26, flbas)), [4096, null, 1, 1]);
});

Deno.test("a controller that cannot be asked for want of a page is out of memory", () => {
  const { machine } = testBench();
  Object.assign(machine.pages, { alloc: () => null });
  const commands = new AdminCommands({
    machine,
    dev: { name: "ssd" },
    adminLimits: {} as never,
    runAdmin: () => {},
  });
  const error = assertThrows(() => commands.identifyController(0), KernelError);
  assertEquals(error.message, "Cannot allocate a page to identify ssd: ENOMEM");
});
