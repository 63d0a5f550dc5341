/** The controller's use of memory that the host lends it (Base Specification 1.4, 5.21.1.13 and 8.9). */
import { assertEquals } from "@std/assert";
import { STATUS } from "./_status.ts";
import { EventStream, type MachineEvent, VirtualClock } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { FlatMemory } from "./_rig.ts";
import { HostPort } from "./host_port.ts";
import {
  ControllerHostMemory,
  type HostMemoryGrant,
  type HostMemoryNeeds,
} from "./host_memory_buffer.ts";

const PAGE = 4096;
const LIST = 0x1_0000;
const NEEDS: HostMemoryNeeds = {
  preferredBytes: 64 * PAGE,
  minimumBytes: 4 * PAGE,
  smallestChunkBytes: 2 * PAGE,
  mostChunks: 4,
};
const { SUCCESS, INVALID_FIELD } = STATUS;

type Piece = readonly [address: number | bigint, pages: number];

function bench(needs: Partial<HostMemoryNeeds> = {}) {
  const memory = new FlatMemory();
  memory.bytes.fill(0);
  const events = new EventStream(new VirtualClock());
  const looked: [dma: number, hit: boolean][] = [];
  events.listen((event) => {
    const { dma, hit } = (event as MachineEvent<"nvme.host_memory">).fields;
    looked.push([dma, hit]);
  }, ["nvme.host_memory"]);
  const buffer = new ControllerHostMemory(new HostPort(events, new DmaDevice("ssd"), memory), {
    ...NEEDS,
    ...needs,
  });
  /** Writes a list, and grants the memory that it describes. */
  const grant = (pieces: readonly Piece[], changes: Partial<HostMemoryGrant> = {}): number => {
    for (const [index, [address, pages]] of pieces.entries()) {
      memory.putU64(LIST + 16 * index, address);
      memory.view.setUint32(LIST + 16 * index + 8, pages, true);
      memory.view.setUint32(LIST + 16 * index + 12, 0xffff_ffff, true);
    }
    return buffer.enable({
      sizeBytes: pieces.reduce((sum, [, pages]) => sum + pages, 0) * PAGE,
      listLow: LIST,
      listHigh: 0,
      count: pieces.length,
      returned: false,
      ...changes,
    });
  };
  const lookUp = (lba: number) => {
    buffer.lookUp(lba);
    return looked.splice(0);
  };
  return { buffer, memory, grant, lookUp };
}

Deno.test("memory is granted once at a time", () => {
  const { buffer, grant } = bench();
  assertEquals(grant([[0x10_0000, 4]]), SUCCESS);
  assertEquals(buffer.grant?.sizeBytes, 4 * PAGE);
  assertEquals(grant([[0x10_0000, 4]]), 0x400c);
  buffer.disable();
  // The largest permitted number of pieces.
  const four = [1, 2, 3, 4].map((at): Piece => [at * 0x10_0000, 2]);
  assertEquals([buffer.grant, grant(four)], [null, SUCCESS]);
});

Deno.test("blocks that differ in any part of their number are not taken for each other", () => {
  const lbas = [5, 5 + 2 ** 11, 5 + 2 ** 31, 5 + 2 ** 32, 5 + 2 ** 33, 5 + 2 ** 40, 5 + 2 ** 47];
  for (const [index, lba] of lbas.entries()) {
    for (const other of lbas.slice(index + 1)) {
      const { grant, lookUp } = bench();
      grant([[0x10_0000, 4]]);
      const seen = [lba, lba, other, other, lba].map((each) => lookUp(each)[0]);
      const at = 0x10_0028;
      assertEquals(seen, [[at, false], [at, true], [at, false], [at, true], [at, false]]);
    }
  }
});

Deno.test("memory that cannot be reached any more is given up", () => {
  const { buffer, grant, lookUp, memory } = bench();
  grant([[0x10_0000, 4]]);
  memory.holes.add(0x10_0000 / PAGE);
  assertEquals([lookUp(2 ** 9), buffer.grant !== null], [[[0x10_1000, false]], true]);
  assertEquals([lookUp(0), buffer.grant], [[], null]);
  assertEquals(lookUp(2 ** 9), []);
});

Deno.test("list and pieces reach up to 2^64, but for what no number stands for", () => {
  const last = 2 ** 53 - PAGE;
  assertEquals(bench().grant([[last, 4]]), SUCCESS);
  assertEquals(bench().grant([[2n ** 53n, 4]]), INVALID_FIELD);
  const far = bench();
  assertEquals(far.grant([[0x10_0000, 4]], { listHigh: 2 ** 32 - 1, listLow: 0xffff_f000 }), 4);
  assertEquals(far.memory.faults, ["read 0x1ffffffffff000"]);
  const wide = bench();
  assertEquals(wide.grant([[0x10_0000, 4]], { listHigh: 2 ** 21, listLow: 0 }), INVALID_FIELD);
  assertEquals(wide.memory.faults, []);
});

Deno.test("a piece is used with its own address and size, wherever it lies: blocks find theirs above 4 GiB", () => {
  const { grant, lookUp, memory } = bench();
  const touched: number[] = [];
  memory.read = (_dev, dma, into, offset, size) => {
    touched.push(dma);
    if (dma >= LIST && dma < LIST + 64) into.set(memory.bytes.subarray(dma, dma + size), offset);
    return true;
  };
  memory.write = () => true;
  assertEquals(grant([[0x3_0010_0000, 2], [0x13_ffff_0020_0000, 3]]), SUCCESS);
  touched.length = 0;
  for (const lba of [0, 1023, 1024, 2559, 2560]) lookUp(lba);
  assertEquals(touched, [
    0x3_0010_0000,
    0x3_0010_1ff8,
    0x13_ffff_0020_0000,
    0x13_ffff_0020_2ff8,
    0x3_0010_0000,
  ]);
});

Deno.test("a grant that is refused changes nothing: what comes next is taken, with its own life", () => {
  const { buffer, grant, lookUp } = bench();
  grant([[0x10_0000, 4]]);
  lookUp(7);
  buffer.disable();
  assertEquals(grant([[0x10_0000, 4]], { sizeBytes: 5 * PAGE }), INVALID_FIELD);
  assertEquals([buffer.grant, lookUp(7)], [null, []]);
  assertEquals(grant([[0x10_0000, 4]], { returned: true }), SUCCESS);
  assertEquals(lookUp(7), [[0x10_0038, true]]);
});

Deno.test("an entry is the block's number in 48 bits and the epoch in 16, which is never 0: fresh memory holds no entry", () => {
  const { buffer, grant, lookUp, memory } = bench();
  const at = 0x10_0000;
  const entry = () => [memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true)];
  const slots = 4 * PAGE / 8;
  for (const life of [1, 2, 3]) {
    grant([[at, 4]]);
    for (const high of [0, 1, 0x1234, 0xffff]) {
      const lba = high * 2 ** 32 + 5 * slots;
      lookUp(lba);
      assertEquals(entry(), [5 * slots, life * 0x1_0000 + high]);
    }
    buffer.disable();
  }
  // Epochs 4 to 65535, and the next ones, after the epoch of 16 bits has wrapped.
  for (let life = 4; life < 65535 + 4; life++) {
    buffer.disable();
    grant([[at, 4]]);
    memory.reads.length = 0;
    memory.writes.length = 0;
    if (life < 65530) continue;
    memory.putU64(at, 0);
    assertEquals([lookUp(0)[0]?.[1], lookUp(0)[0]?.[1]], [false, true], `life ${life}`);
  }
});

Deno.test("memory without a slot is none", () => {
  const none = { minimumBytes: 0, smallestChunkBytes: 0 };
  assertEquals(bench(none).grant([[0x10_0000, 0]]), INVALID_FIELD);
  const { grant, lookUp } = bench(none);
  assertEquals(grant([[0x10_0000, 0], [0x20_0000, 1], [0x30_0000, 0]]), SUCCESS);
  assertEquals(lookUp(512), [[0x20_0000, false]]);
});

Deno.test("memory that can be read and not written is given up, too", () => {
  const { buffer, grant, lookUp, memory } = bench();
  grant([[0x10_0000, 4]]);
  memory.write = () => false;
  assertEquals([lookUp(0), buffer.grant, lookUp(1)], [[[0x10_0000, false]], null, []]);
});
