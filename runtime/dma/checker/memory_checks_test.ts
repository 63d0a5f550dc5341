/** Which memory a mapping covers, page by page, for each kind of mapping. */
import { assertEquals } from "@std/assert";
import { type DmaAddr, hexAddress, type PhysAddr } from "../../address.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_TO_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBenchOptions } from "../testing.ts";
import { type CheckerBench, checkerBench, DIRECT } from "./_bench.ts";

const PAGE = 0x1000;
const HUGE = 2 ** 21;

type Piece = readonly [phys: number, sizeBytes: number];

const mapList = (...pieces: readonly Piece[]) => ({ dev, machine }: CheckerBench) => {
  const list = new Scatterlist(pieces.map(([phys, sizeBytes]) => ({ phys: at(phys), sizeBytes })));
  machine.dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
};

const linkAll = (...pieces: readonly Piece[]) => (bench: CheckerBench) => {
  bench.tryAlloc(pieces[0]![0], 2 * HUGE);
  let offset = 0;
  for (const [phys, sizeBytes] of pieces) {
    bench.link(phys, offset, sizeBytes);
    offset += sizeBytes;
  }
  bench.sync(0, offset);
};

const map = (phys: number, sizeBytes: number, attrs = 0) => (bench: CheckerBench) =>
  void bench.map(phys, sizeBytes, DMA_BIDIRECTIONAL, attrs);

const SCATTERED = [[0x10_0200, 0xe00], [0x30_0000, 2 * PAGE], [0x20_0000, 0x800]] as const;
const PIECES = [0x10_0200, 0x30_0000, 0x30_1000, 0x20_0000];

/** Mappings of each kind, with the address of the first mapped byte in each of their pages. */
const MAPPED: readonly (readonly [
  options: TestBenchOptions,
  run: (bench: CheckerBench) => void,
  bytes: readonly number[],
])[] = [
  [{}, map(0x10_0fff, PAGE + 2), [0x10_0fff, 0x10_1000, 0x10_2000]],
  [{}, map(0, PAGE), [0]],
  [{}, mapList(...SCATTERED), PIECES],
  [{}, mapList([0x10_0000, PAGE], [0, PAGE]), [0x10_0000, 0]],
  [{}, linkAll(...SCATTERED), PIECES],
  [{}, linkAll([0x1000_0000, 0x1000], [0, 0x1000]), [0x1000_0000, 0]],
  [{}, linkAll([0x1000_0000, HUGE], [0x30_0000, 1]), [0x1000_0000, 0x101f_f000, 0x30_0000]],
  [DIRECT, map(0x10_0fff, PAGE + 2), [0x10_0fff, 0x10_1000, 0x10_2000]],
  [DIRECT, mapList(...SCATTERED), PIECES],
];

/** The reports that are made when a page is freed, and when it is written. */
function found(bench: CheckerBench, page: number, sizeBytes = PAGE): string[] {
  const { memory } = bench.machine.checker!;
  bench.reports();
  memory.freed([at(0x5000_0000), at(page)], sizeBytes);
  memory.written([{ phys: at(0x5000_0000), sizeBytes: 1 }, { phys: at(page), sizeBytes }]);
  return bench.reports().map(({ class: kind, text }) =>
    `${kind} ${Number(/0x\w+/.exec(text)![0].replaceAll("_", "")).toString(16)}`
  );
}

Deno.test("each page of a mapping is found when it is freed or written, and none beside it (dma.md 1.6)", () => {
  for (const [options, run, bytes] of MAPPED) {
    const bench = checkerBench(options);
    run(bench);
    const pages = bytes.map((byte) => byte - byte % PAGE);
    for (const [index, page] of pages.entries()) {
      assertEquals(found(bench, page), [
        `freed_while_mapped ${page.toString(16)}`,
        `cpu_access_while_mapped ${bytes[index]!.toString(16)}`,
      ]);
      for (const beside of [page - PAGE, page + PAGE]) {
        if (!pages.includes(beside) && pages[0]! < HUGE) assertEquals(found(bench, beside), []);
      }
    }
  }
  const bench = checkerBench();
  map(0x1000_5000, PAGE)(bench);
  assertEquals(found(bench, 0x1000_0000, HUGE), [
    "freed_while_mapped 10000000",
    "cpu_access_while_mapped 10005000",
  ]);
});

Deno.test("memory is the device's until a sync or an unmap, unless it is shared or its driver syncs it (dma.md 1.6)", () => {
  const FREED = "freed_while_mapped 100000";
  const WRITTEN = "cpu_access_while_mapped 100000";
  const page = (more: (bench: CheckerBench, mapped: DmaAddr) => void) => (bench: CheckerBench) =>
    more(bench, bench.map(0x10_0000, PAGE, DMA_BIDIRECTIONAL));
  const sync = (bench: CheckerBench, mapped: DmaAddr, side: "Cpu" | "Device") =>
    bench.machine.dma[`dmaSyncSingleFor${side}`](bench.dev, mapped, PAGE, DMA_BIDIRECTIONAL);
  const rows: readonly (readonly [(bench: CheckerBench) => unknown, ...expected: string[]])[] = [
    [page(() => {}), FREED, WRITTEN],
    [page((bench, mapped) => sync(bench, mapped, "Cpu")), FREED],
    [
      page((bench, mapped) => {
        sync(bench, mapped, "Cpu");
        sync(bench, mapped, "Device");
      }),
      FREED,
      WRITTEN,
    ],
    [page((bench, mapped) => bench.unmap(mapped, PAGE, DMA_BIDIRECTIONAL))],
    [map(0x10_0000, PAGE, DMA_ATTR.SKIP_CPU_SYNC), FREED],
    [(bench) => bench.tryAlloc(0x10_0000, PAGE)],
  ];
  for (const [index, [run, ...expected]] of rows.entries()) {
    const bench = checkerBench({ device: { coherent: false } });
    run(bench);
    assertEquals(found(bench, 0x10_0000), expected, `row ${index}`);
  }
});

Deno.test("shared memory that was freed is no memory to look at until a buffer has had it (dma.md 2.1)", () => {
  const bench = checkerBench();
  const { checker, dma, pages } = bench.machine;
  const { memory } = checker!;
  const shared = dma.dmaAllocCoherent(bench.dev, 2 * PAGE)!;
  const [first, second] = shared.pages as [PhysAddr, PhysAddr];
  const from = Math.min(first, second);
  const look = (offset: number, sizeBytes: number) => {
    memory.peeked(at(from + offset), sizeBytes);
    return bench.reports().map(({ class: kind, text }) => `${kind}: ${text}`);
  };
  assertEquals([look(0, PAGE), found(bench, from).length], [[], 1]);
  dma.dmaFreeCoherent(bench.dev, shared);
  bench.reports();
  const text = (sizeBytes: string, offset: number) =>
    `use_after_free: CPU access to ${sizeBytes} at ${
      hexAddress(from + offset)
    } after they were freed`;
  assertEquals([look(-8, 8), look(2 * PAGE, 8)], [[], []]);
  assertEquals(look(-1, 2), [text("2 bytes", -1)]);
  assertEquals(look(PAGE + 1, PAGE), [text("4096 bytes", PAGE + 1)]);
  memory.freed([at(from)], PAGE);
  assertEquals([look(0, PAGE), look(PAGE, 1)], [[], [text("1 byte", PAGE)]]);
  assertEquals(pages.firstFreed(from + PAGE, 1), from + PAGE);
});
