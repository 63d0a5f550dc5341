/** How far addresses of SGLs reach, what each walk begins with, and how many descriptors it takes (NVM Express 1.4, 4.4). */
import { assertEquals } from "@std/assert";
import { STATUS } from "./_status.ts";
import { VirtualClock } from "@dmalab/runtime/time";
import { DmaDevice } from "@dmalab/runtime/dma";
import { EventStream, type MachineEvent } from "@dmalab/runtime";
import { commandBytes } from "../command_bytes.ts";
import { FlatMemory } from "./_rig.ts";
import { HostPort } from "./host_port.ts";
import { RangeList, SglWalk } from "./data_pointer.ts";

const [DATA, SEGMENT, LAST_SEGMENT] = [0x00, 0x20, 0x30];
const LIST = 0x9000;
const BUFFER = 0x10_0000;
const WIDE = 2n ** 53n;
const LAST_PAGE = 2n ** 64n - 4096n;

const { TRANSFER_ERROR, TOO_MANY, DATA_LENGTH } = STATUS;

/** One walker for several walks; what was found before stands in the list of ranges. */
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

const last = 2 ** 53 - 4096;
const fault = (what: string) => ({
  status: TRANSFER_ERROR,
  ranges: [],
  entries: [],
  faults: [what],
});

Deno.test("addresses of data, segments and metadata lists reach up to 2^64, but for what no number stands for", () => {
  const { data, memory, metadata } = bench();
  const whole = { status: 0, ranges: [[last, 512]] as [number, number][], entries: [], faults: [] };
  assertEquals(data([LAST_PAGE, 512, DATA], 512), whole);
  assertEquals(data([WIDE, 512, DATA], 512), fault("write wide"));
  assertEquals(data([WIDE, 512, DATA], 512, false), fault("read wide"));
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
  memory.putSgl(LIST + 16, BUFFER, 8, DATA);
  memory.putSgl(LIST + 32, BUFFER + 0x1000, 64, DATA);
  const listed = {
    status: 0,
    // Of metadata what is too much does not matter.
    ranges: [[BUFFER, 8], [BUFFER + 0x1000, 8]] as [number, number][],
    entries: [[0, LIST], [1, LIST + 16], [2, LIST + 32]] as [number, number][],
    faults: [],
  };
  for (let round = 0; round < 2; round++) {
    assertEquals(metadata(BigInt(LIST), 16), listed);
    // Of data it does.
    const long = data([LIST + 16, 32, LAST_SEGMENT], 16);
    assertEquals([long.status, long.entries], [DATA_LENGTH, [[0, LIST + 16], [1, LIST + 32]]]);
    assertEquals(data([BUFFER, 17, DATA], 16), { ...fault(""), status: DATA_LENGTH, faults: [] });
    assertEquals(data([BUFFER, 16, DATA], 16).ranges, [[BUFFER, 16]]);
  }
  // A pointer that cannot be leaves nothing of the walk before.
  assertEquals(metadata(BigInt(LIST + 4), 16).ranges, []);
});

Deno.test("a list has 65536 descriptors at most", () => {
  const { data, memory } = bench();
  const list = 0x20_0000;
  memory.bytes.fill(0, list, list + 65537 * 16);
  memory.putSgl(list, BUFFER, 512, DATA);
  const status = (count: number) => data([list, count * 16, LAST_SEGMENT], 512).status;
  assertEquals([status(65536), status(65537)], [0, TOO_MANY]);
});
