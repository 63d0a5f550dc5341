import { assertEquals } from "@std/assert";
import { EventStream, type MachineEvent, VirtualClock } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { commandBytes } from "../command_bytes.ts";
import { FlatMemory } from "./_rig.ts";
import { HostPort } from "./host_port.ts";
import { PrpWalk, RangeList } from "./data_pointer.ts";

interface Walked {
  readonly status: number;
  readonly ranges: [number, number][];
  readonly entries: [entry: number, dma: number][];
}

function walk(
  memory: FlatMemory,
  prp1: number | bigint,
  prp2: number | bigint,
  lengthBytes: number,
  chainsLast = false,
): Walked {
  const events = new EventStream(new VirtualClock());
  const entries: [number, number][] = [];
  events.listen((event) => {
    const { entry, dma } = (event as MachineEvent<"nvme.walk">).fields;
    entries.push([entry, dma]);
  }, ["nvme.walk"]);
  const walker = new PrpWalk(new HostPort(events, new DmaDevice("ssd"), memory), chainsLast);
  const ranges = new RangeList();
  // A range from an earlier walk, which must not be counted as the command's.
  ranges.add(0x123, 4);
  const command = new DataView(commandBytes({ prp1, prp2 }).buffer);
  const status = walker.walk(command, 24, lengthBytes, true, ranges);
  return { status, ranges: ranges.pairs(), entries };
}

const DATA = 0x10_0000;
/** Data pages far apart and out of order, so that a wrong entry cannot look right. */
const page = (index: number): number => DATA + ((index * 7) % 2999) * 4096;

/**
 * Writes a PRP list of `count` entries that begin with `page(first)`. The list pages are at the
 * given addresses. In each list page except the last, the last slot links to the next page.
 */
function putList(memory: FlatMemory, lists: number[], first: number, count: number): void {
  let index = first;
  const end = first + count;
  for (const [number, list] of lists.entries()) {
    const slots = (4096 - (list % 4096)) / 8;
    const link = lists[number + 1];
    const data = link === undefined ? end - index : slots - 1;
    for (let slot = 0; slot < data; slot++) memory.putU64(list + slot * 8, page(index++));
    if (link !== undefined) memory.putU64(list + (slots - 1) * 8, link);
  }
  assertEquals(index, end, "the test's own list is wrong");
}

/** The expected ranges of a transfer over `page(0)`, `page(1)` … */
function expectedRanges(offset: number, length: number): [number, number][] {
  const ranges: [number, number][] = [];
  let rest = length;
  for (let index = 0; rest > 0; index++) {
    const start = index === 0 ? offset : 0;
    const piece = Math.min(rest, 4096 - start);
    ranges.push([page(index) + start, piece]);
    rest -= piece;
  }
  return ranges;
}

Deno.test("PRP1 alone describes what fits its page, from any multiple of 4 (nvme.md 2.3)", () => {
  const memory = new FlatMemory();
  for (const [offset, length] of [[0, 512], [0, 4096], [0x200, 3584], [0xffc, 4]]) {
    const { status, ranges, entries } = walk(memory, DATA + offset!, 0xdead_beefn, length!);
    assertEquals(status, 0);
    assertEquals(ranges, [[DATA + offset!, length!]]);
    assertEquals(entries, []);
  }
  assertEquals(memory.reads, []);
});

Deno.test("PRP2 is data when the rest fits one page, and no list is read (nvme.md 2.3)", () => {
  const memory = new FlatMemory();
  for (const [offset, length] of [[0, 8192], [0x200, 4096], [0xffc, 4100], [0x200, 7680]]) {
    const { status, ranges } = walk(memory, DATA + offset!, 0x55_5000, length!);
    const first = 4096 - offset!;
    assertEquals(status, 0);
    assertEquals(ranges, [[DATA + offset!, first], [0x55_5000, length! - first]]);
  }
  assertEquals(memory.reads, []);
});

Deno.test("every length and offset of the table in nvme.md 2.3 resolves through its list pages", () => {
  const table: [length: number, offset: number, listPages: number][] = [
    [8192, 0x200, 1],
    [8704, 0x000, 1],
    [8704, 0x200, 1],
    [131072, 0x000, 1],
    [131072, 0x200, 1],
    [135168, 0x000, 1],
    [135168, 0x200, 1],
    [2097152, 0x000, 1],
    [2097152, 0x200, 1],
    [2101248, 0x200, 2],
    [4194304, 0x000, 2],
    [4194304, 0x200, 3],
    [8388608, 0x000, 5],
    [8388608, 0x200, 5],
  ];
  for (const [length, offset, listPages] of table) {
    const memory = new FlatMemory();
    const lists = [0x9000, 0x3000, 0x7000, 0x1000, 0x5000].slice(0, listPages);
    const entries = Math.ceil((length - (4096 - offset)) / 4096);
    putList(memory, lists, 1, entries);
    const result = walk(memory, page(0) + offset, lists[0]!, length);
    assertEquals(result.status, 0, `${length} at ${offset}`);
    assertEquals(result.ranges, expectedRanges(offset, length));
    assertEquals(memory.reads.length, listPages);
    assertEquals(result.entries.length, entries + listPages - 1);
  }
});

Deno.test("a list may begin inside a page; its last slot there is the link, unless it holds the last entry", () => {
  const table: [lists: number[], entries: number, reads: [number, number][]][] = [
    [[0x9fe0, 0x5000], 10, [[0x9fe0, 32], [0x5000, 56]]],
    [[0x9ff8, 0x5000], 2, [[0x9ff8, 8], [0x5000, 16]]],
    [[0x9fe0], 4, [[0x9fe0, 32]]],
  ];
  for (const [lists, entries, reads] of table) {
    const memory = new FlatMemory();
    putList(memory, lists, 1, entries);
    const { ranges, status } = walk(memory, page(0), lists[0]!, (entries + 1) * 4096);
    assertEquals([status, ranges], [0, expectedRanges(0, (entries + 1) * 4096)]);
    assertEquals(memory.reads, reads);
  }
});

Deno.test("only the entries needed are read, and nothing past them decides anything", () => {
  const memory = new FlatMemory();
  putList(memory, [0x9000], 1, 3);
  memory.putU64(0x9018, 0x123);
  const result = walk(memory, page(0), 0x9000, 4096 + 2 * 4096 + 512);
  assertEquals(result.status, 0);
  assertEquals(result.ranges.at(-1), [page(3), 512]);
  assertEquals(memory.reads, [[0x9000, 24]]);
});

Deno.test("an address of 2^53 or more faults before it is a number, data as a write, lists as a read", () => {
  const memory = new FlatMemory();
  const wide = 2n ** 53n;
  assertEquals(walk(memory, wide, 0, 512).status, 0x0004);
  assertEquals(walk(memory, DATA, wide, 8192).status, 0x0004);
  assertEquals(walk(memory, DATA, wide, 16384).status, 0x0004);
  putList(memory, [0x9000], 1, 3);
  memory.putU64(0x9008, 0xfffe_ffff_ffff_f000n);
  assertEquals(walk(memory, page(0), 0x9000, 4 * 4096).status, 0x0004);
  memory.putU64(0x9ff0, page(1));
  memory.putU64(0x9ff8, wide);
  assertEquals(walk(memory, page(0), 0x9ff0, 4 * 4096).status, 0x0004);
  const accesses = ["write", "write", "read", "write", "read"];
  assertEquals(memory.faults, accesses.map((access) => `${access} wide`));
  const top = 2 ** 53 - 4096;
  assertEquals(walk(memory, top, 0, 4096).ranges, [[top, 4096]]);
});

Deno.test("each entry has an event with its number and where it lies, links among them (nvme.walk)", () => {
  const memory = new FlatMemory();
  putList(memory, [0x9fe8, 0x5000], 1, 5);
  assertEquals(walk(memory, page(0), 0x9fe8, 6 * 4096).entries, [
    [0, 0x9fe8],
    [1, 0x9ff0],
    [2, 0x9ff8],
    [3, 0x5000],
    [4, 0x5008],
    [5, 0x5010],
  ]);
});

Deno.test("no bit of an offset is allowed behind PRP1, and only multiples of 4 there (NVMe 4.3)", () => {
  const status = (prp1: number, prp2: number, length: number) =>
    walk(new FlatMemory(), prp1, prp2, length).status;
  for (let bit = 0; bit < 12; bit++) {
    const offset = 1 << bit;
    assertEquals(status(DATA + offset, 0, 4), bit < 2 ? 0x4013 : 0, `PRP1, ${offset}`);
    assertEquals(status(DATA, DATA + offset, 8192), 0x4013, `PRP2, ${offset}`);
    const memory = new FlatMemory();
    putList(memory, [0x9ff0, 0x5000], 1, 3);
    for (const at of [0x9ff0, 0x9ff8, 0x5000]) {
      memory.bytes[at + (bit >> 3)]! ^= 1 << (bit & 7);
      assertEquals(walk(memory, page(0), 0x9ff0, 4 * 4096).status, 0x4013, `${at}, ${offset}`);
      memory.bytes[at + (bit >> 3)]! ^= 1 << (bit & 7);
    }
    assertEquals(walk(memory, page(0), 0x9ff0, 4 * 4096).status, 0);
  }
});

Deno.test("a controller with the defect follows the last entry of a page that holds all the rest, and no other", () => {
  const found = (chainsLast: boolean, count: number) => {
    const memory = new FlatMemory();
    for (let index = 0; index < count; index++) memory.putU64(0x9fe0 + 8 * index, page(index + 1));
    memory.putU64(page(4), page(9));
    const { ranges, status } = walk(memory, page(0), 0x9fe0, (count + 1) * 4096, chainsLast);
    return [status, ranges.at(-1)?.[0]];
  };
  assertEquals([found(false, 3), found(true, 3)], [[0, page(3)], [0, page(3)]]);
  // Four entries fill the list page. The fourth entry points at data, but the defect takes it for a
  // link.
  assertEquals([found(false, 4), found(true, 4)], [[0, page(4)], [0, page(9)]]);
});
