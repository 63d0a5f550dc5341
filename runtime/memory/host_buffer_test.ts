import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { MIB, type PhysAddr } from "../address.ts";
import { Random } from "../random.ts";
import { CpuCaches } from "./cpu_caches.ts";
import { HostBuffer } from "./host_buffer.ts";
import { layOutMemory } from "./layout.ts";
import { PageAllocator } from "./page_allocator.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;
const memory = new PhysicalMemory(
  layOutMemory({ ramSizeBytes: 16 * MIB, windows: [], regions: [] }),
);

function buffer(seed = 1): HostBuffer {
  return new HostBuffer({ memory, pages: new PageAllocator(memory), random: new Random(seed) }, [
    { phys: at(0x10_0f00), sizeBytes: 0x200 },
    { phys: at(0x20_0000), sizeBytes: 0x1800 },
  ]);
}

Deno.test("HostBuffer.fill('counting') writes 0, 1 … 255, 0 … across pieces", () => {
  const host = buffer();
  host.fill("counting");
  assertEquals(host.readAll(), Uint8Array.from({ length: 0x1a00 }, (_, index) => index % 256));
  assertEquals(memory.readU32(at(0x20_0001)), 0x0403_0201);
  assertEquals([memory.readU32(at(0x10_1100)), memory.readU32(at(0x20_1800))], [0, 0]);
});

Deno.test("HostBuffer.fill('random') depends on the machine's seed alone", () => {
  const host = buffer(1);
  host.fill("random");
  const first = host.readAll();
  buffer(1).fill("random");
  assertEquals(host.readAll(), first);
  buffer(2).fill("random");
  assertNotEquals(host.readAll(), first);
});

Deno.test("HostBuffer.fill('random') draws one number for four bytes, the lowest first, and no more", () => {
  const [used, fresh] = [new Random(1), new Random(1)];
  const home = { memory, pages: new PageAllocator(memory), random: used };
  const filled = new HostBuffer(home, [{ phys: at(0x10_0000), sizeBytes: 0x200 }]);
  filled.fill("random");
  const draws = Uint32Array.from({ length: 0x200 / 4 }, () => fresh.nextU32());
  assertEquals(filled.readAll(), new Uint8Array(draws.buffer));
  assertEquals(used.nextU32(), fresh.nextU32());
});

Deno.test("HostBuffer.fill() with a byte sets every byte and nothing around", () => {
  const host = buffer();
  memory.fill(at(0x10_0000), 0x2000, 1);
  host.fill(0xee);
  assertEquals(host.readAll().every((byte) => byte === 0xee), true);
  assertEquals([memory.readU32(at(0x10_0efc)), memory.readU32(at(0x10_1100))], [
    0x0101_0101,
    0x0101_0101,
  ]);
});

Deno.test("HostBuffer.slice() is a view that cuts through pieces", () => {
  const host = buffer();
  host.fill(0);
  const part = host.slice(0x1f0, 0x210);
  assertEquals(part.segments, [
    { phys: at(0x10_10f0), sizeBytes: 0x10 },
    { phys: at(0x20_0000), sizeBytes: 0x10 },
  ]);
  assertEquals(host.slice(0, 0x200).segments, [{ phys: at(0x10_0f00), sizeBytes: 0x200 }]);
  part.fill(9);
  assertEquals(host.differences(buffer().slice(0, 0)).length, 1);
  assertEquals(host.readAll().indexOf(9), 0x1f0);
  assertThrows(() => host.slice(0, 0x1a01), RangeError, "it has 6656 bytes");
  for (const [start, end] of [[-1, 1], [2, 1]] as const) {
    assertThrows(() => host.slice(start, end), RangeError, `bytes ${start}..${end}`);
  }
});

Deno.test("HostBuffer.writeAll() writes from the start and refuses too many bytes", () => {
  const host = buffer();
  host.fill(0xff);
  host.writeAll(new Uint8Array(0x201));
  assertEquals(host.readAll().indexOf(0xff), 0x201);
  const written: number[][] = [];
  memory.onWrite = (phys, sizeBytes) => void written.push([phys, sizeBytes]);
  host.writeAll(new Uint8Array(0x240));
  memory.onWrite = null;
  assertEquals(written, [[0x10_0f00, 0x200], [0x20_0000, 0x40]]);
  assertThrows(() => host.writeAll(new Uint8Array(0x1a01)), RangeError, "Cannot write 6657 bytes");
});

Deno.test("HostBuffer.differences() lists runs, and the bytes only one buffer has", () => {
  const one = buffer();
  one.fill(0);
  const home = { memory, pages: new PageAllocator(memory), random: new Random(1) };
  const other = new HostBuffer(home, [{ phys: at(0x40_0000), sizeBytes: 0x1a04 }]);
  other.fill(0);
  other.slice(4, 6).fill(1);
  assertEquals(one.differences(other), [
    { offsetBytes: 4, sizeBytes: 2 },
    { offsetBytes: 0x1a00, sizeBytes: 4 },
  ]);
  assertEquals(one.equals(other), false);
  assertEquals(one.equals(buffer()), true);
});

Deno.test("HostBuffer.differences() begins with the first byte, and ends with the last", () => {
  const part = (phys: number, byte: number) => {
    const host = new HostBuffer(
      { memory, pages: new PageAllocator(memory), random: new Random(1) },
      [
        { phys: at(phys), sizeBytes: 0x10 },
      ],
    );
    host.fill(byte);
    return host;
  };
  const [one, other] = [part(0x30_0000, 1), part(0x31_0000, 1)];
  assertEquals([one.differences(other), one.equals(other)], [[], true]);
  memory.fill(at(0x31_0000), 3, 2);
  memory.fill(at(0x31_000e), 2, 2);
  assertEquals(one.differences(other), [
    { offsetBytes: 0, sizeBytes: 3 },
    { offsetBytes: 14, sizeBytes: 2 },
  ]);
  assertEquals(one.equals(other), false);
});

Deno.test("HostBuffer knows its pages and where each byte lies", () => {
  const host = buffer();
  assertEquals(host.pages, [0x10_0000, 0x10_1000, 0x20_0000, 0x20_1000].map(at));
  assertEquals([host.phys, host.physAt(0x1ff), host.physAt(0x200)], [
    at(0x10_0f00),
    at(0x10_10ff),
    at(0x20_0000),
  ]);
  assertThrows(
    () => host.physAt(0x1a00),
    RangeError,
    `Cannot find byte 6656 of a buffer: it has ${host.sizeBytes} bytes`,
  );
});

Deno.test("HostBuffer: freed memory is used by reads and writes of its owner, and by writes alone of a view of pages", () => {
  const pages = new PageAllocator(memory);
  const seen: string[] = [];
  const checks = {
    written: () => void seen.push("written"),
    read: () => {},
    freed: () => void seen.push("freed"),
    freedTwice: () => void seen.push("freed twice"),
    usedAfterFree: (phys: PhysAddr, sizeBytes: number) =>
      void seen.push(`used ${phys - owned[0]!} ${sizeBytes}`),
  };
  const home = { memory, pages, random: new Random(1), checker: { memory: checks } };
  const owned = pages.alloc(2)!;
  const owner = new HostBuffer(home, [{ phys: owned[0]!, sizeBytes: 0x2000 }], owned);
  const view = new HostBuffer(home, [{ phys: at(owned[0]! + 0x10), sizeBytes: 0x20 }]);
  const told = (work: () => unknown) => {
    work();
    return seen.splice(0);
  };
  const uses = (host: HostBuffer) => {
    return [
      told(() => host.readAll()),
      told(() => host.readInto(new Uint8Array(0x2000))),
      told(() => host.look()),
      told(() => host.fill(1)),
      told(() => host.writeAll(new Uint8Array(1))),
    ];
  };
  const live = [[], [], [], ["written"], ["written"]];
  const { budget } = memory;
  const before = budget.heldBytes;
  owner.slice(1, 2);
  assertEquals(told(() => view.free()), ["freed"], "it owns nothing, and stays what it is");
  assertEquals(budget.heldBytes, before);
  assertEquals([uses(owner), uses(view), uses(owner.slice(1, 2))], [live, live, live]);
  const { heldBytes } = budget;
  assertEquals(told(() => owner.free()), ["freed"]);
  assertEquals(heldBytes - budget.heldBytes, 96 + 2 * 16);
  assertEquals(told(() => owner.slice(1, 2).readAll()), ["used 1 1"]);
  const [whole, part] = [["used 0 8192"], ["used 16 32"]];
  assertEquals(uses(owner), [whole, whole, [], whole, whole]);
  assertEquals(uses(view), [[], [], [], part, part], "its reads are what a scenario looks at");
  assertEquals(told(() => owner.free()), ["freed twice"]);
  assertEquals(pages.alloc(2), owned);
  assertEquals(uses(view), live, "the pages have a user again");
  const one = pages.alloc(1)!;
  const single = new HostBuffer(home, [{ phys: one[0]!, sizeBytes: 1 }], one);
  assertEquals([told(() => single.free()), told(() => single.free())], [["freed"], [
    "freed twice",
  ]]);
  const nothing = new HostBuffer(home, []);
  assertEquals([nothing.phys, nothing.sizeBytes, nothing.pages], [at(0), 0, []]);
});

Deno.test("HostBuffer.look() sees what the CPU's caches hold of each piece", () => {
  const home = { memory, pages: new PageAllocator(memory), random: new Random(1) };
  const caches = new CpuCaches(memory, { site: 0 }, () => {});
  const pieces = [{ phys: at(0x50_0f00), sizeBytes: 0x101 }, {
    phys: at(0x52_0000),
    sizeBytes: 0x80,
  }];
  const host = new HostBuffer({ ...home, caches }, pieces);
  host.fill("counting");
  const counted = Uint8Array.from({ length: 0x181 }, (_, index) => index % 256);
  assertEquals([host.look(), host.readAll()], [counted, counted]);
  assertEquals(new HostBuffer(home, pieces).readAll(), new Uint8Array(0x181), "not in memory yet");
});
