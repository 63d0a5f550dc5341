import { assertEquals } from "@std/assert";
import { VirtualClock } from "@dmalab/runtime/time";
import { DmaDevice } from "@dmalab/runtime/dma";
import { EventStream, type MachineEvent } from "@dmalab/runtime";
import { commandBytes } from "../command_bytes.ts";
import { FlatMemory } from "./_rig.ts";
import { HostPort } from "./host_port.ts";
import { RangeList, SglWalk } from "./data_pointer.ts";

const DATA_BLOCK = 0x00;
const BIT_BUCKET = 0x10;
const SEGMENT = 0x20;
const LAST_SEGMENT = 0x30;
const KEYED = 0x40;

interface Walked {
  readonly status: number;
  readonly ranges: [number, number][];
  readonly entries: number[];
}

function setup(memory: FlatMemory): { walker: SglWalk; entries: number[] } {
  const events = new EventStream(new VirtualClock());
  const entries: number[] = [];
  events.listen(
    (event) => entries.push((event as MachineEvent<"nvme.walk">).fields.dma),
    ["nvme.walk"],
  );
  return { walker: new SglWalk(new HostPort(events, new DmaDevice("ssd"), memory)), entries };
}

function walk(
  memory: FlatMemory,
  sgl: readonly [number | bigint, number, number],
  lengthBytes: number,
): Walked {
  const { walker, entries } = setup(memory);
  const ranges = new RangeList();
  const command = new DataView(commandBytes({ sgl }).buffer);
  const status = walker.walk(command, 24, lengthBytes, true, ranges);
  return { status, ranges: ranges.pairs(), entries };
}

function walkMetadata(memory: FlatMemory, mptr: bigint, lengthBytes: number): Walked {
  const { walker, entries } = setup(memory);
  const ranges = new RangeList();
  const status = walker.walkMetadata(
    Number(mptr & 0xffff_ffffn),
    Number(mptr >> 32n),
    lengthBytes,
    true,
    ranges,
  );
  return { status, ranges: ranges.pairs(), entries };
}

Deno.test("one data block in the command describes everything, at any byte and length", () => {
  const memory = new FlatMemory();
  for (const [address, length] of [[0x10_0200, 8704], [0x10_0001, 511], [0x10_0fff, 131072]]) {
    const { status, ranges, entries } = walk(memory, [address!, length!, DATA_BLOCK], length!);
    assertEquals([status, ranges, entries], [0, [[address!, length!]], []]);
  }
  assertEquals(memory.reads, []);
});

Deno.test("a last segment of 20 data blocks is walked in order (nvme.md assertion 5)", () => {
  const memory = new FlatMemory();
  const expected: [number, number][] = [];
  for (let index = 0; index < 20; index++) {
    const address = 0x10_0000 + ((index * 13) % 20) * 4096;
    memory.putSgl(0x9000 + index * 16, address, 512, DATA_BLOCK);
    expected.push([address, 512]);
  }
  const { status, ranges, entries } = walk(memory, [0x9000, 320, LAST_SEGMENT], 10240);
  assertEquals(status, 0);
  assertEquals(ranges, expected);
  assertEquals(entries.length, 20);
  assertEquals(entries[1], 0x9010);
  assertEquals(memory.reads, [[0x9000, 320]]);
});

Deno.test("segments lead to the last one", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 4096, DATA_BLOCK);
  memory.putSgl(0x9010, 0x20_0000, 4096, DATA_BLOCK);
  memory.putSgl(0x9020, 0xa008, 32, SEGMENT);
  memory.putSgl(0xa008, 0x30_0000, 100, DATA_BLOCK);
  memory.putSgl(0xa018, 0xb000, 16, LAST_SEGMENT);
  memory.putSgl(0xb000, 0x40_0000, 3996, DATA_BLOCK);
  const { status, ranges, entries } = walk(memory, [0x9000, 48, SEGMENT], 12288);
  assertEquals(status, 0);
  assertEquals(ranges, [[0x10_0000, 4096], [0x20_0000, 4096], [0x30_0000, 100], [0x40_0000, 3996]]);
  assertEquals(entries, [0x9000, 0x9010, 0x9020, 0xa008, 0xa018, 0xb000]);
});

Deno.test("a segment longer than a page is read page by page, crossing descriptors by themselves", () => {
  const memory = new FlatMemory();
  const expected: [number, number][] = [];
  for (let index = 0; index < 300; index++) {
    memory.putSgl(0x8ff8 + index * 16, 0x10_0000 + index * 512, 512, DATA_BLOCK);
    expected.push([0x10_0000 + index * 512, 512]);
  }
  const { status, ranges } = walk(memory, [0x8ff8, 4800, LAST_SEGMENT], 300 * 512);
  assertEquals(status, 0);
  assertEquals(ranges, expected);
  // One descriptor crosses into page 9, 255 lie whole in it, one crosses into page 10.
  assertEquals(memory.reads, [[0x8ff8, 16], [0x9008, 255 * 16], [0x9ff8, 16], [0xa008, 43 * 16]]);
});

Deno.test("empty data blocks describe nothing and are allowed", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 0, DATA_BLOCK);
  memory.putSgl(0x9010, 0x20_0000, 512, DATA_BLOCK);
  memory.putSgl(0x9020, 0x30_0000, 0, DATA_BLOCK);
  const { status, ranges } = walk(memory, [0x9000, 48, LAST_SEGMENT], 512);
  assertEquals([status, ranges], [0, [[0x20_0000, 512]]]);
});

Deno.test("descriptor types that the controller does not have are refused with 0x11", () => {
  for (const type of [BIT_BUCKET, KEYED, 0x50, 0xf0, 0x01, 0x21, 0x3a]) {
    assertEquals(walk(new FlatMemory(), [0x10_0000, 512, type], 512).status, 0x4011, `${type}`);
    const memory = new FlatMemory();
    memory.putSgl(0x9000, 0x10_0000, 512, type);
    assertEquals(walk(memory, [0x9000, 16, LAST_SEGMENT], 512).status, 0x4011, `${type} in list`);
  }
});

Deno.test("a segment of no, odd or misaligned descriptors is refused with 0x0D and not read", () => {
  for (const type of [SEGMENT, LAST_SEGMENT]) {
    for (const [address, length] of [[0x9000, 0], [0x9000, 8], [0x9000, 17], [0x9004, 16]]) {
      const memory = new FlatMemory();
      assertEquals(walk(memory, [address!, length!, type], 512).status, 0x400d);
      assertEquals(memory.reads, []);
    }
  }
});

Deno.test("a segment descriptor inside a last segment is refused with 0x0D", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 512, DATA_BLOCK);
  memory.putSgl(0x9010, 0xa000, 16, SEGMENT);
  assertEquals(walk(memory, [0x9000, 32, LAST_SEGMENT], 1024).status, 0x400d);
});

Deno.test("a segment descriptor before the end of its segment is refused with 0x0E", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0xa000, 16, LAST_SEGMENT);
  memory.putSgl(0x9010, 0x10_0000, 512, DATA_BLOCK);
  assertEquals(walk(memory, [0x9000, 32, SEGMENT], 1024).status, 0x400e);
});

Deno.test("a segment that announces another and ends with data is refused with 0x0D", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 512, DATA_BLOCK);
  assertEquals(walk(memory, [0x9000, 16, SEGMENT], 512).status, 0x400d);
});

Deno.test("segments that point at each other come to an end with 0x0E", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 0, DATA_BLOCK);
  memory.putSgl(0x9010, 0x9000, 32, SEGMENT);
  const { status, entries } = walk(memory, [0x9000, 32, SEGMENT], 512);
  assertEquals(status, 0x400e);
  assertEquals(entries.length, 65536);
});

Deno.test("a list shorter or longer than the command is refused with the length status", () => {
  for (const length of [511, 513, 1024]) {
    assertEquals(walk(new FlatMemory(), [0x10_0000, length, DATA_BLOCK], 512).status, 0x400f);
  }
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 512, DATA_BLOCK);
  memory.putSgl(0x9010, 0x20_0000, 512, DATA_BLOCK);
  assertEquals(walk(memory, [0x9000, 32, LAST_SEGMENT], 512).status, 0x400f);
  assertEquals(walk(memory, [0x9000, 32, LAST_SEGMENT], 1536).status, 0x400f);
});

Deno.test("of the block in which metadata ends the rest does not matter (tests/golden/defects, ptover_none)", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 8192, DATA_BLOCK);
  assertEquals(walkMetadata(memory, 0x9000n, 128).ranges, [[0x10_0000, 128]]);
  memory.putSgl(0x9000, 0x9010, 32, LAST_SEGMENT);
  memory.putSgl(0x9010, 0x10_0000, 8192, DATA_BLOCK);
  memory.putSgl(0x9020, 0x20_0000, 8, DATA_BLOCK);
  assertEquals(walkMetadata(memory, 0x9000n, 128).status, 0x4010);
});

Deno.test("an SGL address of 2^53 or more faults, data as a write and segments as a read", () => {
  const memory = new FlatMemory();
  assertEquals(walk(memory, [2n ** 53n, 512, DATA_BLOCK], 512).status, 0x0004);
  assertEquals(walk(memory, [2n ** 63n, 16, LAST_SEGMENT], 512).status, 0x0004);
  assertEquals(memory.faults, ["write wide", "read wide"]);
});

Deno.test("a segment that cannot be read is a data transfer error", () => {
  const memory = new FlatMemory();
  memory.holes.add(9);
  assertEquals(walk(memory, [0x9000, 16, LAST_SEGMENT], 512).status, 0x0004);
  assertEquals(memory.faults, ["read 0x9000"]);
});

Deno.test("a metadata list is one descriptor, a block or a last segment (nvme.md 3)", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0040, 64, DATA_BLOCK);
  assertEquals(walkMetadata(memory, 0x9000n, 64).ranges, [[0x10_0040, 64]]);
  memory.putSgl(0x9000, 0x9010, 32, LAST_SEGMENT);
  memory.putSgl(0x9010, 0x10_0000, 8, DATA_BLOCK);
  memory.putSgl(0x9020, 0x20_0000, 56, DATA_BLOCK);
  const { status, ranges } = walkMetadata(memory, 0x9000n, 64);
  assertEquals([status, ranges], [0, [[0x10_0000, 8], [0x20_0000, 56]]]);
});

Deno.test("a wrong metadata list is refused: length 0x10, alignment 0x02, wide or missing 0x04", () => {
  const memory = new FlatMemory();
  memory.putSgl(0x9000, 0x10_0000, 8, DATA_BLOCK);
  assertEquals(walkMetadata(memory, 0x9000n, 64).status, 0x4010);
  assertEquals(walkMetadata(memory, 0x9004n, 8).status, 0x4002);
  assertEquals(walkMetadata(memory, 2n ** 53n, 8).status, 0x0004);
  memory.putSgl(0x9000, 0x10_0000, 8, BIT_BUCKET);
  assertEquals(walkMetadata(memory, 0x9000n, 8).status, 0x4011);
  memory.holes.add(9);
  assertEquals(walkMetadata(memory, 0x9000n, 8).status, 0x0004);
});
