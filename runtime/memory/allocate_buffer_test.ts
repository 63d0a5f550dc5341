import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { GIB, KIB, MIB, type PhysAddr } from "../address.ts";
import { KernelError } from "../errno.ts";
import { MemoryLimitError } from "../host_budget.ts";
import { Random } from "../random.ts";
import { allocateBuffer, allocatePages, claimBuffer } from "./allocate_buffer.ts";
import type { BufferHome, HostBuffer } from "./host_buffer.ts";
import { layOutMemory } from "./layout.ts";
import { PageAllocator } from "./page_allocator.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

function home(ramSizeBytes = 4 * GIB): BufferHome {
  const memory = new PhysicalMemory(layOutMemory({ ramSizeBytes, windows: [], regions: [] }));
  return { memory, pages: new PageAllocator(memory), random: new Random(1) };
}

function shape(buffer: HostBuffer): [number, number][] {
  return buffer.segments.map(({ phys, sizeBytes }) => [phys, sizeBytes]);
}

Deno.test("allocateBuffer() without pieces is one run, starting at the offset", () => {
  const machine = home();
  assertEquals(shape(allocateBuffer(machine, { sizeBytes: 64 * KIB })), [[0x4000_0000, 65536]]);
  const shifted = allocateBuffer(machine, { sizeBytes: 8 * KIB, offsetBytes: 512 });
  assertEquals(shape(shifted), [[0x4001_0200, 8192]]);
  assertEquals(shifted.pages, [at(0x4001_0000), at(0x4001_1000), at(0x4001_2000)]);
  assertEquals(allocateBuffer(machine, { offsetBytes: 96 }).sizeBytes, 4000);
});

Deno.test("allocateBuffer() lets pieces reach to the end of their pages, no two pages adjacent", () => {
  const buffer = allocateBuffer(home(), { sizeBytes: 3 * 4096 - 512, offsetBytes: 512, pieces: 3 });
  assertEquals(shape(buffer), [
    [0x4000_0200, 3584],
    [0x4000_2000, 4096],
    [0x4000_4000, 4096],
  ]);
});

Deno.test("allocateBuffer() takes every layout of language.md's property example", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 512 }), fc.nat(7), (pages, skip) => {
      const sizeBytes = pages * 4096 - skip * 512;
      const buffer = allocateBuffer(home(), { sizeBytes, offsetBytes: skip * 512, pieces: pages });
      assertEquals([buffer.sizeBytes, buffer.segments.length], [sizeBytes, pages]);
    }),
    { numRuns: 50 },
  );
});

Deno.test("allocateBuffer() keeps pieces larger than a page in one run each, and the runs apart", () => {
  const buffer = allocateBuffer(home(), { pieces: 2, pieceBytes: 12 * KIB, offsetBytes: 512 });
  assertEquals(shape(buffer), [[0x4000_0200, 12288], [0x4000_5000, 12288]]);
});

Deno.test("a buffer owns the pages that its pieces lie in, and frees them all", () => {
  const requests = [
    { pieces: 1, pieceBytes: 512 },
    { pieces: 2, pieceBytes: 12 * KIB, offsetBytes: 512 },
    { pieces: 3, pieceBytes: 4096, strideBytes: 16 * KIB, offsetBytes: 0x800 },
    { pieces: 4, pieceBytes: 1024, strideBytes: 2048 },
  ];
  for (const request of requests) {
    const machine = home();
    const buffer = allocateBuffer(machine, request);
    const pages = new Set<number>();
    for (const { phys, sizeBytes } of buffer.segments) {
      const first = Math.floor(phys / 4096) * 4096;
      for (let page = first; page < phys + sizeBytes; page += 4096) pages.add(page);
    }
    assertEquals(buffer.segments.length, request.pieces);
    assertEquals(new Set<number>(buffer.pages), pages, JSON.stringify(request));
    assertEquals(machine.pages.takenBytes, pages.size * 4096);
    buffer.free();
    assertEquals(machine.pages.takenBytes, 0);
  }
});

Deno.test("allocateBuffer() places the k-th piece k strides behind the first", () => {
  const machine = home();
  const buffer = allocateBuffer(machine, { pieces: 3, pieceBytes: 4096, strideBytes: 8192 });
  assertEquals(shape(buffer), [
    [0x4000_0000, 4096],
    [0x4000_2000, 4096],
    [0x4000_4000, 4096],
  ]);
  assertEquals(machine.pages.inUse(0x4000_1000), false);
  const adjacent = allocateBuffer(machine, { pieces: 3, pieceBytes: 4096, strideBytes: 4096 });
  assertEquals(shape(adjacent), [
    [0x4000_5000, 4096],
    [0x4000_6000, 4096],
    [0x4000_7000, 4096],
  ]);
  const small = allocateBuffer(machine, {
    pieces: 4,
    pieceBytes: 512,
    strideBytes: 1024,
    offsetBytes: 256,
  });
  assertEquals(shape(small).map(([phys]) => phys - small.phys), [0, 1024, 2048, 3072]);
  assertEquals(small.pages.length, 1);
  assertEquals(small.phys % 4096, 256);
});

Deno.test("allocateBuffer() lets strided pieces end with the page each of them starts in", () => {
  const buffer = allocateBuffer(home(), { pieces: 3, strideBytes: 4096 + 512 });
  assertEquals(shape(buffer), [
    [0x4000_0000, 4096],
    [0x4000_1200, 3584],
    [0x4000_2400, 3072],
  ]);
});

Deno.test("allocateBuffer() counts the pieces a size needs when their number is left out", () => {
  const buffer = allocateBuffer(home(), { sizeBytes: 16384, pieceBytes: 2048, strideBytes: 4096 });
  assertEquals(buffer.segments.length, 8);
});

Deno.test("allocateBuffer() refuses numbers that do not go together", () => {
  const refuse = (request: Parameters<typeof allocateBuffer>[1], message: string): void => {
    assertThrows(() => allocateBuffer(home(), request), RangeError, message);
  };
  refuse({ sizeBytes: 10 * KIB, pieces: 2 }, "10240 bytes from 2 pieces: they have 8192 bytes");
  refuse({ sizeBytes: 3000, pieceBytes: 2048 }, "they have 4096 bytes");
  refuse({ pieces: 2, pieceBytes: 8192, strideBytes: 4096 }, "they would overlap");
  refuse({ sizeBytes: 4096, offsetBytes: 4096 }, "a page has 4096 bytes");
  refuse({ sizeBytes: 0 }, "at least 1");
  refuse({ pieces: 0 }, "at least 1");
  refuse({ pieceBytes: 512 }, "without a size or a number of pieces");
  refuse({ pieces: 2 ** 21, pieceBytes: 1 }, "more than 1048576 pieces");
});

Deno.test("allocateBuffer() fills", () => {
  const buffer = allocateBuffer(home(), { pieces: 2, pieceBytes: 300, fill: "counting" });
  const bytes = buffer.readAll();
  assertEquals([bytes[0], bytes[255], bytes[256], bytes[299], bytes[300]], [0, 255, 0, 43, 44]);
});

Deno.test("allocatePages() makes one segment of pages side by side", () => {
  const machine = home();
  assertEquals(shape(allocatePages(machine, { pages: 4, contiguous: true })), [
    [0x4000_0000, 16384],
  ]);
  const scattered = allocatePages(machine, { pages: 3, contiguous: false });
  assertEquals(shape(scattered), [
    [0x4000_4000, 4096],
    [0x4000_6000, 4096],
    [0x4000_8000, 4096],
  ]);
});

Deno.test("claimBuffer() takes named memory once; segments may share a page among themselves", () => {
  const machine = home();
  const buffer = claimBuffer(machine, [
    { phys: at(0x10_0200), sizeBytes: 512 },
    { phys: at(0x10_0800), sizeBytes: 0x1000 },
    { phys: at(0x8000), sizeBytes: 16 },
  ]);
  assertEquals(buffer.sizeBytes, 512 + 4096 + 16);
  assertThrows(
    () => claimBuffer(machine, [{ phys: at(0x20_0000), sizeBytes: 1 }, buffer.segments[1]!]),
    RangeError,
    "Cannot use 4096 bytes at 0x10_0800 as a buffer: the page at 0x10_0000 is in use by other ",
  );
  assertEquals(machine.pages.inUse(0x20_0000), false, "nothing stays taken");
  buffer.free();
  assertEquals(machine.pages.inUse(0x10_0800), false);
  const first = { phys: at(0), sizeBytes: 16 };
  claimBuffer(machine, [first]);
  assertThrows(() => claimBuffer(machine, [first]), RangeError, "the page at 0x0 is in use");
});

Deno.test("claimBuffer() takes memory of a window, none between it and RAM, and at least one byte", () => {
  const windows = [{ name: "bar", basePhys: at(2 * GIB), sizeBytes: 4096 }];
  const memory = new PhysicalMemory(layOutMemory({ ramSizeBytes: GIB, windows, regions: [] }));
  const machine = { memory, pages: new PageAllocator(memory), random: new Random(1) };
  assertEquals(shape(claimBuffer(machine, [{ phys: at(2 * GIB), sizeBytes: 16 }])), [[
    2 * GIB,
    16,
  ]]);
  const empty = [{ phys: at(0x1000), sizeBytes: 0 }];
  assertThrows(() => claimBuffer(machine, empty), RangeError, "at least one byte");
  for (const phys of [2 * GIB - 16, 2 * GIB + 4096, 1.5 * GIB]) {
    assertThrows(
      () => claimBuffer(machine, [{ phys: at(phys), sizeBytes: 17 }]),
      RangeError,
      "there is no memory",
    );
  }
});

/** Host memory that requests of each kind cost: 96 bytes a segment, and 16 a page. */
const COSTS: readonly (readonly [name: string, segments: number, pages: number, Take])[] = [
  ["one run", 1, 3, (machine) => allocateBuffer(machine, { sizeBytes: 3 * 4096 })],
  ["pieces apart", 2, 6, (machine) => allocateBuffer(machine, { pieces: 2, pieceBytes: 3 * 4096 })],
  [
    "pieces at a distance",
    4,
    1,
    (machine) => allocateBuffer(machine, { pieces: 4, pieceBytes: 512, strideBytes: 1024 }),
  ],
  [
    "long pieces at a distance",
    2,
    6,
    (machine) =>
      allocateBuffer(machine, { pieces: 2, pieceBytes: 3 * 4096, strideBytes: 8 * 4096 }),
  ],
  ["pages side by side", 1, 8, (machine) => allocatePages(machine, { pages: 8, contiguous: true })],
  ["pages apart", 8, 8, (machine) => allocatePages(machine, { pages: 8, contiguous: false })],
  [
    "blocks of pages",
    4,
    8,
    (machine) => allocatePages(machine, { pages: 8, contiguous: false, orderAligned: 1 }),
  ],
  [
    "memory that is named",
    1,
    4,
    (machine) => claimBuffer(machine, [{ phys: at(MIB), sizeBytes: 4 * 4096 }]),
  ],
];
type Take = (machine: BufferHome) => HostBuffer;

for (const [name, segments, pages, take] of COSTS) {
  Deno.test(`${name}: what the host has no room for is not begun, and what it just has is`, () => {
    const cost = 96 * segments + 16 * pages;
    const machine = home();
    const { budget } = machine.memory;
    budget.limitBytes = budget.usedBytes + cost - 1;
    assertThrows(() => take(machine), MemoryLimitError);
    assertEquals([machine.pages.takenBytes, budget.usedBytes], [0, budget.limitBytes - cost + 1]);
    budget.limitBytes++;
    const buffer = take(machine);
    assertEquals([buffer.segments.length, buffer.pages.length], [segments, pages]);
    assertEquals(budget.leftBytes, 0);
    buffer.free();
    assertEquals([machine.pages.takenBytes, budget.leftBytes], [0, cost]);
  });
}

Deno.test("ENOMEM says how many bytes there are not, and leaves nothing taken", () => {
  const lacks = (bytes: number, take: Take) => {
    const machine = home(16 * MIB);
    const { errno, message } = assertThrows(() => take(machine), KernelError);
    assertEquals([errno, message], ["ENOMEM", `Cannot take ${bytes} bytes of host memory: ENOMEM`]);
    assertEquals(machine.pages.takenBytes, 0);
  };
  for (const strideBytes of [undefined, 8 * MIB]) {
    const shape = { pieces: 2, pieceBytes: 7.5 * MIB, ...strideBytes && { strideBytes } };
    lacks(15 * MIB, (machine) => allocateBuffer(machine, { ...shape }));
  }
  lacks(15 * MIB + 4096, (machine) => allocateBuffer(machine, { sizeBytes: 15 * MIB + 4096 }));
  for (const contiguous of [true, false]) {
    lacks(15 * MIB + 4096, (machine) => allocatePages(machine, { pages: 3841, contiguous }));
    lacks(2 ** 42, (machine) => allocatePages(machine, { pages: 2 ** 30, contiguous }));
  }
});

Deno.test("a driver's buffers come from where its pages begin, in every shape", () => {
  const first = (request: Parameters<typeof allocateBuffer>[1]) =>
    [undefined, "script" as const, "driver" as const].map((owner) =>
      allocateBuffer(home(), { ...request, ...owner && { owner } }).phys as number
    );
  const starts = [GIB, GIB, 1.5 * GIB];
  assertEquals(first({ sizeBytes: 4096 }), starts);
  assertEquals(first({ pieces: 2 }), starts);
  assertEquals(first({ pieces: 2, pieceBytes: 512, strideBytes: 8192 }), starts);
});

Deno.test("allocatePages() takes one page at least, and blocks side by side as one segment each", () => {
  const machine = home();
  assertEquals(shape(allocatePages(machine, { pages: 1, contiguous: false })), [[GIB, 4096]]);
  for (const pages of [0, -1, 1.5]) {
    assertThrows(
      () => allocatePages(machine, { pages, contiguous: false }),
      RangeError,
      `Cannot take ${pages} pages: it must be at least 1`,
    );
  }
  const blocks = allocatePages(machine, { pages: 5, contiguous: false, orderAligned: 1 });
  assertEquals(shape(blocks), [
    [GIB + 0x2000, 8192],
    [GIB + 0x6000, 8192],
    [GIB + 0xa000, 4096],
  ]);
});

Deno.test("pieces at a distance take the pages that they lie in, and none between", () => {
  const machine = home();
  const buffer = allocateBuffer(machine, { pieces: 4, pieceBytes: 2048, strideBytes: 6144 });
  assertEquals(buffer.pages.map((phys) => (phys - GIB) / 4096), [0, 1, 3, 4]);
  assertEquals(machine.pages.takenBytes, 4 * 4096);
  // A single piece cannot overlap another.
  const alone = allocateBuffer(machine, { pieces: 1, pieceBytes: 8192, strideBytes: 4096 });
  assertEquals(alone.pages.length, 2);
});

Deno.test("the last byte of a page takes that page, and no more", () => {
  const machine = home();
  const buffer = claimBuffer(machine, [{ phys: at(MIB + 4095), sizeBytes: 1 }]);
  assertEquals([buffer.pages as readonly number[], machine.pages.takenBytes], [[MIB], 4096]);
  assertEquals(claimBuffer(machine, [{ phys: at(MIB + 4096), sizeBytes: 1 }]).pages.length, 1);
});
