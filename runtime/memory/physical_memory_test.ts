import { assertEquals, assertThrows } from "@std/assert";
import { GIB, MIB, type PhysAddr } from "../address.ts";
import { InvariantError } from "../errno.ts";
import { layOutMemory } from "./layout.ts";
import { MemoryLimitError } from "../host_budget.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

function memory(): PhysicalMemory {
  return new PhysicalMemory(layOutMemory({
    ramSizeBytes: GIB,
    windows: [{ name: "bar", basePhys: at(0x40_0000_0000), sizeBytes: 16 * MIB }],
    regions: [],
  }));
}

Deno.test("PhysicalMemory reads zeros where nothing was written, and makes no page for it", () => {
  const ram = memory();
  const bytes = new Uint8Array(8192).fill(7);
  ram.read(at(0x123456), bytes, 0, 8192);
  assertEquals(bytes, new Uint8Array(8192));
  assertEquals(ram.budget.usedBytes, 0);
});

Deno.test("PhysicalMemory keeps bytes across page and 4 MiB borders", () => {
  const ram = memory();
  const bytes = Uint8Array.from({ length: 10000 }, (_, index) => index % 251);
  ram.write(at(4 * MIB - 5000), bytes, 0, bytes.length);
  const back = new Uint8Array(10002);
  ram.read(at(4 * MIB - 5001), back, 0, back.length);
  assertEquals(back.subarray(1, 10001), bytes);
  assertEquals([back[0], back[10001]], [0, 0]);
  assertEquals(ram.budget.usedBytes, 4 * 4096);
});

Deno.test("PhysicalMemory makes no page for zeros filled or copied onto nothing", () => {
  const ram = memory();
  ram.fill(at(0x1000), 0x3000, 0);
  ram.copy(at(0x1000), at(0x8000), 0x3000);
  assertEquals(ram.budget.usedBytes, 0);
});

Deno.test("PhysicalMemory reads and writes little-endian numbers at any alignment", () => {
  const ram = memory();
  for (const phys of [at(0x2000), at(0x2ffd), at(0x2ffe), at(0x2fff), at(0x3001)]) {
    ram.writeU32(phys, 0xdead_beef);
    assertEquals(ram.readU32(phys), 0xdead_beef);
    ram.writeU64(phys, 0x13_ffff_0000_0001);
    assertEquals(ram.readU64(phys), 0x13_ffff_0000_0001);
    assertEquals(ram.readU64Parts(phys), [1, 0x13_ffff]);
  }
  const bytes = new Uint8Array(4);
  ram.writeU32(at(0x5000), 0x0102_0304);
  ram.read(at(0x5000), bytes, 0, 4);
  assertEquals([...bytes], [4, 3, 2, 1]);
});

Deno.test("PhysicalMemory.readU64() refuses what no number stands for; readU64Parts() has it", () => {
  const ram = memory();
  ram.writeU32(at(0x1004), 0x20_0000);
  assertThrows(() => ram.readU64(at(0x1000)), RangeError, "none stands");
  assertEquals(ram.readU64Parts(at(0x1000)), [0, 0x20_0000]);
  assertThrows(() => ram.writeU64(at(0x1000), 2 ** 53), InvariantError);
  ram.writeU64(at(0x1000), 2 ** 53 - 4096);
  assertEquals(ram.readU64Parts(at(0x1000)), [0xffff_f000, 0xffff_ffff]);
  assertEquals(ram.readU64(at(0x1000)), 2 ** 53 - 4096);
});

Deno.test("PhysicalMemory.kindAt() and covers() know RAM, windows and the nothing between", () => {
  const ram = memory();
  assertEquals(
    [0, GIB - 1, GIB, 0x40_0000_0000, 0x40_0100_0000].map((phys) => ram.kindAt(phys)),
    ["ram", "ram", "none", "mmio", "none"],
  );
  assertEquals(ram.covers(GIB - 2, 2), true);
  assertEquals(ram.covers(GIB - 2, 3), false);
});

Deno.test("PhysicalMemory stops with MemoryLimitError at its limit and keeps what it has", () => {
  const ram = memory();
  ram.budget.limitBytes = 2 * 4096;
  ram.fill(at(0), 8192, 1);
  assertThrows(() => ram.fill(at(8192), 1, 1), MemoryLimitError, "8192 bytes are in use");
  assertEquals(ram.budget.usedBytes, 8192);
  ram.fill(at(100), 10, 2);
  assertEquals(ram.readU32(at(100)), 0x0202_0202);
});

Deno.test("PhysicalMemory has no place for a write outside memory", () => {
  assertThrows(() => memory().writeU32(at(GIB), 1), InvariantError, "there is no memory");
});

Deno.test("words, doubles and bytes of a page are the same memory, little-endian", () => {
  const ram = memory();
  ram.writeWords(at(0x2008), Int32Array.of(0x0403_0201, -2));
  const bytes = new Uint8Array(8);
  ram.read(at(0x2008), bytes, 0, 8);
  assertEquals([...bytes], [1, 2, 3, 4, 0xfe, 0xff, 0xff, 0xff]);
  ram.pageForWriting(0x2010).doubles[2] = 1;
  const words = new Int32Array(4);
  ram.readWords(at(0x2008), words);
  assertEquals([...words], [0x0403_0201, -2, 0, 0x3ff0_0000]);
  assertEquals(ram.readU32(at(0x2016)), 0x3ff0);
  ram.writeU32(at(0x2ffe), 0xddcc_bbaa);
  assertEquals([ram.readU32(at(0x2ffc)), ram.readU32(at(0x3000))], [0xbbaa_0000, 0xddcc]);
  assertEquals(ram.budget.usedBytes, 2 * 4096);
});

Deno.test("reading words where nothing was written makes no page", () => {
  const ram = memory();
  const words = Int32Array.of(7, 7);
  ram.readWords(at(0x5000), words);
  assertEquals([...words], [0, 0]);
  assertEquals(ram.budget.usedBytes, 0);
});

Deno.test("forEachPage() visits pages in the order of their addresses, however far apart", () => {
  const ram = new PhysicalMemory(
    layOutMemory({ ramSizeBytes: 512 * GIB, windows: [], regions: [] }),
  );
  const written = [300 * GIB, 70 * GIB, 5 * MIB, 400 * GIB, 64 * GIB, 64 * GIB - 4096, 0];
  for (const phys of written) ram.write(at(phys), new Uint8Array([1]), 0, 1);
  const visited: number[] = [];
  ram.forEachPage((phys) => visited.push(phys));
  assertEquals(visited, written.toSorted((a, b) => a - b));
});

Deno.test("PhysicalMemory tells of each write where it begins and how long it is, and of no read", () => {
  const ram = memory();
  const written: number[][] = [];
  ram.onWrite = (phys, sizeBytes) => void written.push([phys, sizeBytes]);
  const bytes = new Uint8Array(5000);
  ram.write(at(0x1ff0), bytes, 1, 4999);
  ram.copy(at(0x1ff0), at(0x8001), 5000);
  ram.fill(at(0x9ffe), 3, 7);
  ram.writeU32(at(0x3000), 1);
  ram.writeU32(at(0x3fff), 1);
  ram.writeWords(at(0x5004), new Int32Array(4));
  ram.read(at(0x1ff0), bytes, 0, 5000);
  ram.readU32(at(0x3fff));
  ram.readWords(at(0x5004), new Int32Array(4));
  assertEquals(written, [
    [0x1ff0, 4999],
    [0x8001, 5000],
    [0x9ffe, 3],
    [0x3000, 4],
    [0x3fff, 4],
    [0x5004, 16],
  ]);
});

Deno.test("a page that is adopted keeps its content, and is the caller's bytes from then on", () => {
  const ram = memory();
  ram.write(at(0x40_5004), new Uint8Array([1, 2]), 0, 2);
  ram.write(at(0x40_6000), new Uint8Array([3]), 0, 1);
  const bytes = new Uint8Array(8192).subarray(4096);
  ram.adopt(at(0x40_5000), bytes);
  assertEquals([...bytes.subarray(3, 7)], [0, 1, 2, 0]);
  bytes[5] = 9;
  ram.writeU32(at(0x40_5ffc), 0x0504_0302);
  assertEquals([ram.readU32(at(0x40_5004)), bytes.at(-1), ram.readU32(at(0x40_6000))], [
    0x901,
    5,
    3,
  ]);
  // A series is generated at once if the page is shared, otherwise at the first read.
  const doubles = new Float64Array(bytes.buffer, 4096, 512);
  ram.pageForWriting(0x40_5000).fillSeries(5, 2);
  assertEquals([doubles[0], doubles[511]], [5, 1027]);
  const page = ram.pageForWriting(0x40_6000);
  for (const act of [() => page.doubles[3], () => ram.readU32(at(0x40_601c))]) {
    page.fillSeries(5, 2);
    assertEquals(act(), act.toString().includes("doubles") ? 11 : 0x4026_0000);
  }
});
