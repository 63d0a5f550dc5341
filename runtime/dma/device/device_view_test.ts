import { assertEquals } from "@std/assert";
import { KIB } from "../../address.ts";
import { PTE_READ, PTE_WRITE } from "../../iommu/page_table.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { sameMemory, sameView, viewOf } from "./device_view.ts";
import { at, type TestBench, testBench, type TestBenchOptions } from "../testing.ts";

/** A bench with two filled pages, mapped one after the other. */
function mapped(
  options: TestBenchOptions = {},
  pages: readonly number[] = [0x10_0000, 0x20_0000],
): TestBench {
  const bench = testBench(options);
  const { dev, machine } = bench;
  pages.forEach((phys, index) => {
    machine.memory.fill(at(phys), 4 * KIB, 0x11 * (index + 1));
    machine.dma.dmaMapPhys(dev, at(phys), 4 * KIB, DMA_TO_DEVICE);
  });
  return bench;
}

const view = ({ machine, dev }: TestBench, first?: number, end?: number) =>
  viewOf(machine, dev, first, end);
const ranges = (bench: TestBench, first?: number, end?: number) =>
  view(bench, first, end).map(({ start, sizeBytes, phys }) => [start, sizeBytes, phys as number]);

Deno.test("a device sees what its page table says", () => {
  assertEquals(ranges(mapped()), [
    [0xffff_e000, 0x1000, 0x20_0000],
    [0xffff_f000, 0x1000, 0x10_0000],
  ]);
});

Deno.test("without translation a device sees all memory that is not zero", () => {
  const bench = mapped({ iommu: { mode: "off" } });
  bench.machine.memory.fill(at(0x30_0000), 4 * KIB, 0);
  assertEquals(ranges(bench), [
    [0x10_0000, 0x1000, 0x10_0000],
    [0x20_0000, 0x1000, 0x20_0000],
  ]);
});

Deno.test("a part of the view begins and ends where it is asked for", () => {
  const bench = mapped();
  assertEquals(ranges(bench, 0xffff_e800, 0xffff_f100), [
    [0xffff_e800, 0x800, 0x20_0800],
    [0xffff_f000, 0x100, 0x10_0000],
  ]);
  assertEquals(ranges(bench, 0xffff_f000, 0xffff_f000), []);
  assertEquals(ranges(bench, 2 ** 60), []);
});

Deno.test("a part ends before the leaf that begins at its end", () => {
  const bench = mapped();
  assertEquals(ranges(bench, 0xffff_e000, 0xffff_f000), [[0xffff_e000, 0x1000, 0x20_0000]]);
  assertEquals(ranges(bench, 0, 0xffff_e001), [[0xffff_e000, 1, 0x20_0000]]);
});

Deno.test("a part may be a single byte, and what ends where it begins is no part of it", () => {
  assertEquals(ranges(mapped(), 0xffff_f000, 0xffff_f001), [[0xffff_f000, 1, 0x10_0000]]);
  const direct = mapped({ iommu: { mode: "off" } });
  assertEquals(ranges(direct, 0x10_1000, 0x20_0001), [[0x20_0000, 1, 0x20_0000]]);
});

Deno.test("without translation a page counts from its first byte on, may be read and written, and may lie at 0", () => {
  const bench = testBench({ iommu: { mode: "off" } });
  const { memory } = bench.machine;
  memory.fill(at(0), 1, 1);
  memory.fill(at(0x10_0fff), 1, 1);
  // A page that is written, and then zeroed again.
  memory.fill(at(0x20_0000), 4 * KIB, 1);
  memory.fill(at(0x20_0000), 4 * KIB, 0);
  assertEquals(ranges(bench), [[0, 0x1000, 0], [0x10_0000, 0x1000, 0x10_0000]]);
  assertEquals(view(bench).map(({ access }) => access), Array(2).fill(PTE_READ | PTE_WRITE));
});

/** A bench with 2 MiB mapped: by one leaf if `phys` is a multiple of 2 MiB, else by 512 leaves. */
function mappedLarge(phys: number): TestBench {
  const bench = testBench();
  const { dev, machine } = bench;
  for (let page = 0; page < 512; page++) {
    machine.memory.fill(at(phys + page * 4 * KIB), 4 * KIB, 1 + page % 200);
  }
  machine.dma.dmaMapPhys(dev, at(phys), 2048 * KIB, DMA_TO_DEVICE);
  return bench;
}

Deno.test("a large leaf and the small ones of the same bytes are the same view, to any byte of them", () => {
  const large = mappedLarge(0x1000_0000);
  const small = mappedLarge(0x1000_1000);
  const other = mappedLarge(0x1020_0000);
  assertEquals([view(large), view(small), view(other)].map(({ length }) => length), [1, 512, 1]);
  const { start } = view(large)[0]!;
  const same = (end?: number) =>
    [small, other].map((there) => sameView(view(large, start, end), view(there, start, end)));
  assertEquals(same(), [true, true]);
  for (const there of [small, other]) {
    there.machine.memory.fill(at(view(there)[0]!.phys + 0x1800), 1, 0x77);
  }
  assertEquals(same(), [false, false]);
  assertEquals(same(start + 0x1801), [false, false]);
  assertEquals(same(start + 0x1800), [true, true], "what lies behind the end is no part of it");
});

Deno.test("a window without memory of its own is seen as zeroes", () => {
  const window = { name: "bar", basePhys: at(0xf000_0000), sizeBytes: 0x1000 };
  const seen = (phys: number, attrs: number) => {
    const bench = mapped({ machine: { regions: [{ ...window, type: "mmio" }] } }, [0x10_0000]);
    const { dev, machine } = bench;
    machine.dma.dmaMapPhys(dev, at(phys), 4 * KIB, DMA_TO_DEVICE, attrs);
    machine.memory.fill(at(0x20_0000), 4 * KIB, 0x11);
    // A further page, which is not zero, is mapped at the next IOVA.
    machine.dma.dmaMapPhys(dev, at(0x20_0000), 4 * KIB, DMA_TO_DEVICE);
    return view(bench);
  };
  assertEquals(sameView(seen(0xf000_0000, DMA_ATTR.MMIO), seen(0x30_0000, 0)), true);
  assertEquals(sameView(seen(0xf000_0000, DMA_ATTR.MMIO), seen(0x10_0000, 0)), false);
});

Deno.test("memory that only one machine has is the same while it is zero", () => {
  const large = testBench().machine;
  const small = testBench({ machine: { ramSizeBytes: 2 ** 31 } }).machine;
  for (const machine of [large, small]) machine.memory.fill(at(0x10_0000), 4 * KIB, 0x11);
  large.memory.fill(at(0x9000_0000), 1, 1);
  assertEquals([sameMemory(large, small), sameMemory(small, large)], [false, false]);
  large.memory.fill(at(0x9000_0000), 1, 0);
  assertEquals([sameMemory(large, small), sameMemory(small, large)], [true, true]);
});

Deno.test("the very first byte of a view counts, and so does each page's", () => {
  for (const changed of [0x20_0000, 0x10_0000]) {
    const [here, there] = [mapped(), mapped()];
    assertEquals(sameView(view(here), view(there)), true);
    there.machine.memory.fill(at(changed), 1, 0x77);
    assertEquals(sameView(view(here), view(there)), false, `${changed}`);
  }
});

Deno.test("asking for a view makes no event", () => {
  const bench = mapped();
  bench.forget();
  sameView(view(bench), view(bench));
  assertEquals(bench.seen, []);
});

Deno.test("views are the same when the same bytes lie at the same addresses, wherever they are kept", () => {
  const here = mapped();
  const there = mapped({}, [0x50_0000, 0x40_0000]);
  assertEquals(sameView(view(here), view(there)), true);
  assertEquals(sameMemory(here.machine, there.machine), false);
  there.machine.memory.fill(at(0x40_0fff), 1, 0);
  assertEquals(sameView(view(here), view(there)), false, "the very last byte counts");
});

Deno.test("a view is what it says, in whatever order its ranges come", () => {
  const three = view(mapped({}, [0x10_2000, 0x10_5000, 0x10_0000]));
  assertEquals(three.length, 3);
  const [first, second, third] = three as [typeof three[0], typeof three[0], typeof three[0]];
  assertEquals(sameView(three, [third, first, second]), true);
  assertEquals(sameView([second, third, first], three), true);
  assertEquals(sameView([third, second], three), false);
});

Deno.test("what a device may do at an address is part of the view", () => {
  const dirs = [DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const;
  const views = dirs.map((dir) => {
    const bench = testBench();
    bench.machine.dma.dmaMapPhys(bench.dev, at(0x10_0000), 4 * KIB, dir);
    return view(bench);
  });
  assertEquals(views.map((one) => views.map((other) => sameView(one, other))), [
    [true, false, false],
    [false, true, false],
    [false, false, true],
  ]);
});

Deno.test("a view that has more is another view, whichever side it is on", () => {
  const less = view(mapped({}, [0x10_0000]));
  const more = view(mapped());
  assertEquals([sameView(less, more), sameView(more, less)], [false, false]);
  assertEquals([sameView(less, []), sameView([], [])], [false, true]);
});

Deno.test("memory is the same when every byte is, also where only one machine has ever written", () => {
  const here = testBench().machine;
  const there = testBench().machine;
  assertEquals(sameMemory(here, there), true);
  here.memory.fill(at(0x10_0000), 8, 0);
  assertEquals(sameMemory(here, there), true, "zeroes are what was there before");
  here.memory.fill(at(0x10_0000), 8, 1);
  assertEquals([sameMemory(here, there), sameMemory(there, here)], [false, false]);
  there.memory.fill(at(0x10_0000), 8, 1);
  assertEquals(sameMemory(here, there), true);
});
