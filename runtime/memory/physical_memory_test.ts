import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { GIB, MIB, type PhysAddr } from "../address.ts";
import { InvariantError } from "../errno.ts";
import { layOutMemory } from "./layout.ts";
import { MemoryLimitError } from "../host_budget.ts";
import { MemoryPage, PhysicalMemory } from "./physical_memory.ts";

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

Deno.test("PhysicalMemory behaves as one flat array under any reads, writes, copies and fills", () => {
  const size = 5 * 4096;
  const span = fc.tuple(fc.nat(size - 1), fc.nat(9000)).map(([start, length]) => ({
    start,
    length: Math.min(length, size - start),
  }));
  const step = fc.oneof(
    fc.record({ op: fc.constant("write" as const), span, byte: fc.nat(255), to: fc.constant(0) }),
    fc.record({ op: fc.constant("fill" as const), span, byte: fc.nat(255), to: fc.constant(0) }),
    fc.record({ op: fc.constant("copy" as const), span, byte: fc.constant(0), to: fc.nat(size) }),
  );
  // The flat array lies twice in memory, so that copies have a place that does not overlap.
  const far = 0x40_0000_0000;
  fc.assert(fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
    const ram = memory();
    const near = new Uint8Array(size);
    const remote = new Uint8Array(2 * size);
    const base = 3 * MIB + 100;
    for (const { op, span: { start, length }, byte, to } of steps) {
      if (op === "write") {
        const bytes = Uint8Array.from({ length: length + 3 }, (_, index) => byte + index);
        ram.write(at(base + start), bytes, 3, length);
        near.set(bytes.subarray(3), start);
      } else if (op === "fill") {
        ram.fill(at(base + start), length, byte);
        near.fill(byte, start, start + length);
      } else {
        ram.copy(at(base + start), at(far + to), length);
        remote.set(near.subarray(start, start + length), to);
      }
    }
    const back = new Uint8Array(size);
    ram.read(at(base), back, 0, size);
    assertEquals(back, near);
    const farBack = new Uint8Array(2 * size);
    ram.read(at(far), farBack, 0, 2 * size);
    assertEquals(farBack, remote);
  }));
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

Deno.test("a series is in the page before anything that looks at it, or writes to it", () => {
  const series = (first: number) => Float64Array.from({ length: 512 }, (_, at) => first + 2 * at);
  const looks: readonly ((ram: PhysicalMemory) => void)[] = [
    (ram) => ram.readU32(at(0x2000)),
    (ram) => ram.writeU32(at(0x2000), 0),
    (ram) => ram.writeWords(at(0x2000), Int32Array.of(0, 0)),
    (ram) => ram.write(at(0x2000), new Uint8Array(8), 0, 8),
    (ram) => ram.fill(at(0x2000), 8, 0),
    (ram) => ram.copy(at(0x2000), at(0x4000), 8),
    (ram) => ram.adopt(at(0x2000), new Uint8Array(4096)),
    (ram) => ram.forEachPage(() => {}),
  ];
  for (const look of looks) {
    const ram = memory();
    const page = ram.pageForWriting(0x2000);
    page.fillSeries(-1, 7);
    page.fillSeries(0, 2);
    look(ram);
    assertEquals(ram.pageForWriting(0x2000).doubles, series(0), String(look));
  }
  const shared = new Uint8Array(4096);
  new MemoryPage(shared, true).fillSeries(3, 2);
  assertEquals(new Float64Array(shared.buffer), series(3));
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
