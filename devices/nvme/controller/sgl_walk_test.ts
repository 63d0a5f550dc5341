/**
 * SGLs: the ranges of a list, and the largest addresses that are accepted (NVM Express 1.4, 4.4).
 *
 * @see ../malformed_commands.ts
 */
import { assertEquals } from "@std/assert";
import { STATUS } from "./_status.ts";
import { EventStream, type MachineEvent, VirtualClock } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { commandBytes } from "../command_bytes.ts";
import { FlatMemory } from "./_rig.ts";
import { HostPort } from "./host_port.ts";
import { RangeList, SglWalk } from "./data_pointer.ts";

const DATA_BLOCK = 0x00;
const BIT_BUCKET = 0x10;
const SEGMENT = 0x20;
const LAST_SEGMENT = 0x30;
const LIST = 0x9000;
const BUFFER = 0x10_0000;
const WIDE = 2n ** 53n;
const LAST_PAGE = 2n ** 64n - 4096n;

const { TRANSFER_ERROR, TOO_MANY, DATA_LENGTH } = STATUS;

/** A walker for several walks. The list of ranges begins with a range, as after an earlier walk. */
function bench() {
  const memory = new FlatMemory();
  const events = new EventStream(new VirtualClock());
  const entries: [entry: number, dma: number][] = [];
  events.listen((event) => {
    const { dma, entry } = (event as MachineEvent<"nvme.walk">).fields;
    entries.push([entry, dma]);
  }, ["nvme.walk"]);
  const walker = new SglWalk(new HostPort(events, new DmaDevice("ssd"), memory));
  const ranges = new RangeList();
  ranges.add(0x123, 4);
  const found = (status: number) => ({
    status,
    ranges: ranges.pairs() as [number, number][],
    entries: entries.splice(0),
    faults: memory.faults.splice(0),
  });
  return {
    memory,
    data: (sgl: readonly [number | bigint, number, number], lengthBytes: number, toHost = true) => {
      const command = new DataView(commandBytes({ sgl }).buffer);
      return found(walker.walk(command, 24, lengthBytes, toHost, ranges));
    },
    metadata: (mptr: bigint, lengthBytes: number) => {
      const [low, high] = [Number(mptr & 0xffff_ffffn), Number(mptr >> 32n)];
      return found(walker.walkMetadata(low, high, lengthBytes, true, ranges));
    },
  };
}

Deno.test("a last segment of 20 data blocks is walked in order (nvme.md assertion 5)", () => {
  const { data, memory } = bench();
  const expected: [number, number][] = [];
  for (let index = 0; index < 20; index++) {
    const address = 0x10_0000 + ((index * 13) % 20) * 4096;
    memory.putSgl(0x9000 + index * 16, address, 512, DATA_BLOCK);
    expected.push([address, 512]);
  }
  const { status, ranges, entries } = data([0x9000, 320, LAST_SEGMENT], 10240);
  assertEquals(status, 0);
  assertEquals(ranges, expected);
  assertEquals(entries.length, 20);
  assertEquals(entries[1], [1, 0x9010]);
  assertEquals(memory.reads, [[0x9000, 320]]);
});

Deno.test("segments lead to the last one", () => {
  const { data, memory } = bench();
  memory.putSgl(0x9000, 0x10_0000, 4096, DATA_BLOCK);
  memory.putSgl(0x9010, 0x20_0000, 4096, DATA_BLOCK);
  memory.putSgl(0x9020, 0xa008, 32, SEGMENT);
  memory.putSgl(0xa008, 0x30_0000, 100, DATA_BLOCK);
  memory.putSgl(0xa018, 0xb000, 16, LAST_SEGMENT);
  memory.putSgl(0xb000, 0x40_0000, 3996, DATA_BLOCK);
  const { status, ranges, entries } = data([0x9000, 48, SEGMENT], 12288);
  assertEquals(status, 0);
  assertEquals(ranges, [[0x10_0000, 4096], [0x20_0000, 4096], [0x30_0000, 100], [0x40_0000, 3996]]);
  const at = entries.map(([, dma]) => dma);
  assertEquals(at, [0x9000, 0x9010, 0x9020, 0xa008, 0xa018, 0xb000]);
});

Deno.test("a segment longer than a page is read page by page, crossing descriptors by themselves", () => {
  const { data, memory } = bench();
  const expected: [number, number][] = [];
  for (let index = 0; index < 300; index++) {
    memory.putSgl(0x8ff8 + index * 16, 0x10_0000 + index * 512, 512, DATA_BLOCK);
    expected.push([0x10_0000 + index * 512, 512]);
  }
  const { status, ranges } = data([0x8ff8, 4800, LAST_SEGMENT], 300 * 512);
  assertEquals(status, 0);
  assertEquals(ranges, expected);
  // One descriptor crosses into page 9, 255 lie whole in page 9, one crosses into page 10.
  assertEquals(memory.reads, [[0x8ff8, 16], [0x9008, 255 * 16], [0x9ff8, 16], [0xa008, 43 * 16]]);
});

Deno.test("empty data blocks describe nothing and are allowed", () => {
  const { data, memory } = bench();
  memory.putSgl(0x9000, 0x10_0000, 0, DATA_BLOCK);
  memory.putSgl(0x9010, 0x20_0000, 512, DATA_BLOCK);
  memory.putSgl(0x9020, 0x30_0000, 0, DATA_BLOCK);
  const { status, ranges } = data([0x9000, 48, LAST_SEGMENT], 512);
  assertEquals([status, ranges], [0, [[0x20_0000, 512]]]);
});

Deno.test("of the block in which metadata ends the rest does not matter (tests/golden/defects, ptover_none)", () => {
  const { memory, metadata } = bench();
  memory.putSgl(0x9000, 0x10_0000, 8192, DATA_BLOCK);
  assertEquals(metadata(0x9000n, 128).ranges, [[0x10_0000, 128]]);
  memory.putSgl(0x9000, 0x9010, 32, LAST_SEGMENT);
  memory.putSgl(0x9010, 0x10_0000, 8192, DATA_BLOCK);
  memory.putSgl(0x9020, 0x20_0000, 8, DATA_BLOCK);
  assertEquals(metadata(0x9000n, 128).status, 0x4010);
});

Deno.test("a metadata list is one descriptor, a block or a last segment (nvme.md 3)", () => {
  const { memory, metadata } = bench();
  memory.putSgl(0x9000, 0x10_0040, 64, DATA_BLOCK);
  assertEquals(metadata(0x9000n, 64).ranges, [[0x10_0040, 64]]);
  memory.putSgl(0x9000, 0x9010, 32, LAST_SEGMENT);
  memory.putSgl(0x9010, 0x10_0000, 8, DATA_BLOCK);
  memory.putSgl(0x9020, 0x20_0000, 56, DATA_BLOCK);
  const { status, ranges } = metadata(0x9000n, 64);
  assertEquals([status, ranges], [0, [[0x10_0000, 8], [0x20_0000, 56]]]);
});

Deno.test("a wrong metadata list is refused: length 0x10, alignment 0x02, wide or missing 0x04", () => {
  const { memory, metadata } = bench();
  memory.putSgl(0x9000, 0x10_0000, 8, DATA_BLOCK);
  assertEquals(metadata(0x9000n, 64).status, 0x4010);
  assertEquals(metadata(0x9004n, 8).status, 0x4002);
  assertEquals(metadata(2n ** 53n, 8).status, 0x0004);
  memory.putSgl(0x9000, 0x10_0000, 8, BIT_BUCKET);
  assertEquals(metadata(0x9000n, 8).status, 0x4011);
  memory.holes.add(9);
  assertEquals(metadata(0x9000n, 8).status, 0x0004);
});

const last = 2 ** 53 - 4096;
const nothing = { ranges: [], entries: [], faults: [] };
const fault = (what: string) => ({ ...nothing, status: TRANSFER_ERROR, faults: [what] });

Deno.test("addresses of data, segments and metadata lists reach up to 2^64, but for what no number stands for", () => {
  const { data, memory, metadata } = bench();
  const whole = { ...nothing, status: 0, ranges: [[last, 512]] as [number, number][] };
  assertEquals(data([LAST_PAGE, 512, DATA_BLOCK], 512), whole);
  assertEquals(data([WIDE, 512, DATA_BLOCK], 512), fault("write wide"));
  assertEquals(data([WIDE, 512, DATA_BLOCK], 512, false), fault("read wide"));
  const read = `read 0x${last.toString(16)}`;
  for (const type of [SEGMENT, LAST_SEGMENT]) {
    assertEquals(data([LAST_PAGE, 32, type], 512), fault(read));
    assertEquals(data([WIDE, 32, type], 512), fault("read wide"));
  }
  assertEquals(metadata(LAST_PAGE, 8), fault(read));
  assertEquals(metadata(WIDE, 8), fault("read wide"));
  memory.putSgl(LIST, 3n * WIDE, 32, LAST_SEGMENT);
  memory.wideHighs.length = 0;
  assertEquals(data([LIST, 16, SEGMENT], 512).faults, ["read wide"]);
  assertEquals(memory.wideHighs, [3 * 2 ** 21], "of the segment that is wide");
});

Deno.test("each walk begins anew: ranges, numbers of entries, and what it takes of a block that is too long", () => {
  const { data, memory, metadata } = bench();
  memory.putSgl(LIST, LIST + 16, 32, LAST_SEGMENT);
  memory.putSgl(LIST + 16, BUFFER, 8, DATA_BLOCK);
  memory.putSgl(LIST + 32, BUFFER + 0x1000, 64, DATA_BLOCK);
  const listed = {
    status: 0,
    // A descriptor of metadata may be longer than needed.
    ranges: [[BUFFER, 8], [BUFFER + 0x1000, 8]] as [number, number][],
    entries: [[0, LIST], [1, LIST + 16], [2, LIST + 32]] as [number, number][],
    faults: [],
  };
  for (let round = 0; round < 2; round++) {
    assertEquals(metadata(BigInt(LIST), 16), listed);
    // A descriptor of data may not be longer than needed.
    const long = data([LIST + 16, 32, LAST_SEGMENT], 16);
    assertEquals([long.status, long.entries], [DATA_LENGTH, [[0, LIST + 16], [1, LIST + 32]]]);
    assertEquals(data([BUFFER, 17, DATA_BLOCK], 16), { ...nothing, status: DATA_LENGTH });
    assertEquals(data([BUFFER, 16, DATA_BLOCK], 16).ranges, [[BUFFER, 16]]);
  }
  // An invalid pointer leaves no ranges of the previous walk.
  assertEquals(metadata(BigInt(LIST + 4), 16).ranges, []);
});

Deno.test("a list has 65536 descriptors at most", () => {
  const { data, memory } = bench();
  const list = 0x20_0000;
  memory.bytes.fill(0, list, list + 65537 * 16);
  memory.putSgl(list, BUFFER, 512, DATA_BLOCK);
  const status = (count: number) => data([list, count * 16, LAST_SEGMENT], 512).status;
  assertEquals([status(65536), status(65537)], [0, TOO_MANY]);
});
