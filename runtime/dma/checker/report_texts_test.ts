/** Every report about a range, the end of a mapping or a sync, word for word. */
import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { CoherentMemory } from "../calls/coherent.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBenchOptions } from "../testing.ts";
import { type CheckerBench, checkerBench, DIRECT } from "./_bench.ts";

const PAGE = 0x1000;
const HUGE = 2 ** 21;
const DEV = 'Device "dev"';
const LARGE: TestBenchOptions = { device: { maxSegmentSizeBytes: 2 ** 32 } };
const WINDOW: TestBenchOptions = {
  machine: {
    regions: [{ name: "bar", basePhys: at(0xf000_0000), sizeBytes: 0x10000, type: "mmio" }],
  },
};

/** What a mapping of a page at an address is called. */
const page = (dma: string, how = "to_device, dma_map_phys()", phys = "0x10_0000") =>
  `the mapping of 4096 bytes at ${dma} (physical ${phys}, ${how})`;
const PHYS = page("0xffff_f000");
/** The first page of a range of three. */
const LINK = page("0xffff_c000", "to_device, dma_iova_link()");
const RANGE = "the range of 12288 bytes at 0xffff_c000";

type Row = readonly [
  options: TestBenchOptions,
  run: (bench: CheckerBench) => void,
  ...expected: string[],
];

function hold(rows: readonly Row[]): void {
  for (const [options, run, ...expected] of rows) {
    const bench = checkerBench(options);
    run(bench);
    assertEquals(bench.reports().map((report) => `${report.class}: ${report.text}`), expected);
  }
}

/** A range of three pages, with what a test does there. */
const inRange = (run: (bench: CheckerBench) => void) => (bench: CheckerBench) => {
  bench.tryAlloc(0, 3 * PAGE);
  run(bench);
};

/** The same, with a first page that is linked and synced. */
const onLink = (run: (bench: CheckerBench) => void) =>
  inRange((bench) => {
    bench.link(0x10_0000, 0, PAGE);
    bench.sync(0, PAGE);
    run(bench);
  });

/** A large leaf that is linked, and synced. */
const onLeaf = (run: (bench: CheckerBench) => void) => (bench: CheckerBench) => {
  bench.tryAlloc(0, HUGE);
  bench.link(0x1000_0000, 0, HUGE);
  bench.sync(0, HUGE);
  run(bench);
};

Deno.test("links that go wrong, word for word (dma.md 3.6, rows 1 to 5)", () => {
  const what = `${DEV} links 4096 bytes at physical`;
  const empty = `link_empty: ${DEV} links 0 bytes at physical 0x10_0000 at offset 0 of a range: ` +
    "a buffer of no bytes,";
  const linkEmpty = inRange((bench) => void bench.link(0x10_0000, 0, 0));
  hold([
    [{}, linkEmpty, `${empty} which is no mapping`],
    [{ iommu: { model: "arm" } }, linkEmpty, `${empty} and nobody says no`],
    [
      {},
      inRange((bench) => void bench.link(0x10_0200, PAGE, PAGE)),
      `link_unaligned: ${what} 0x10_0200 at offset 4096 of a range, but a buffer that is not ` +
      "the first must start on a granule of 4096 bytes",
    ],
    [
      {},
      (bench) => {
        bench.tryAlloc(0x400, PAGE);
        bench.link(0x10_0000, 0, PAGE);
      },
      `link_unaligned: ${what} 0x10_0000 at offset 0 of a range, where it would lie at ` +
      "0xffff_e400: the buffer before ends inside a granule, or the range was reserved for " +
      "another offset",
    ],
    [
      {},
      inRange((bench) => {
        bench.free();
        bench.link(0x10_0000, 0, PAGE);
      }),
      `link_beyond_range: ${what} 0x10_0000 at offset 0 of a range, but the state has none: ` +
      "0xffff_c000 is free or belongs to others",
    ],
    [
      {},
      inRange((bench) => void bench.link(0x10_0000, 2 * PAGE, 2 * PAGE)),
      `link_beyond_range: ${DEV} links 8192 bytes at physical 0x10_0000 at offset 8192 of a ` +
      "range of 12288 bytes: 4096 bytes lie behind its end, in addresses that are free or " +
      "belong to others",
    ],
    [
      {},
      onLink((bench) => void bench.link(0x20_0000, 0, PAGE)),
      `link_overlap: ${what} 0x20_0000 at offset 0 of a range, but at 0xffff_c000 ${LINK} is ` +
      "already",
    ],
    [
      { device: { maxSegmentSizeBytes: PAGE } },
      inRange((bench) => void bench.link(0x10_0000, 0, 2 * PAGE)),
      "link_beyond_device_limits: With physical 0x10_0000, 8192 bytes at 0xffff_c000 are linked " +
      'side by side for device "dev", but its longest segment is 4096 bytes',
    ],
  ]);
});

Deno.test("syncs and ends of links that go wrong, word for word (dma.md 3.6, rows 6 to 11)", () => {
  const unlinks = `${DEV} unlinks 4096 bytes at`;
  const other = `${unlinks} 0xffff_c000 with other`;
  const left =
    "4096 bytes in whole granules stay linked: the device still reaches that memory at " +
    "addresses that";
  const twice = `${RANGE}, which was given back before: it may get two owners`;
  hold([
    [
      {},
      inRange((bench) => bench.sync(PAGE, PAGE)),
      `sync_unlinked: ${DEV} syncs 4096 bytes at offset 4096 of a range, but at 0xffff_d000 ` +
      "nothing is linked: what is linked there later has to be synced again",
    ],
    [{}, inRange((bench) => bench.sync(PAGE, 0))],
    [
      {},
      onLink((bench) => bench.unlink(0, PAGE, DMA_FROM_DEVICE)),
      `unlink_direction: ${unlinks} 0xffff_c000 with another direction: from_device ends ${LINK}`,
    ],
    [
      { device: { coherent: false } },
      onLink((bench) => bench.unlink(0, PAGE, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC)),
      `unlink_attributes: ${other} attributes: skip_cpu_sync end ${LINK}, linked with none`,
    ],
    [
      {},
      inRange((bench) => bench.unlink(0, PAGE)),
      `unlink_unlinked: ${unlinks} 0xffff_c000, but only 0 bytes of 4096 bytes in whole granules ` +
      "were mapped: at 0xffff_c000 nothing is linked",
    ],
    [
      LARGE,
      onLeaf((bench) => bench.unlink(0, PAGE)),
      `unlink_splits_leaf: ${unlinks} 0xffe0_0000, a part of a larger page-table entry: all ` +
      "2097152 bytes of it are gone",
    ],
    [
      LARGE,
      onLeaf((bench) => bench.unlink(PAGE, PAGE)),
      `unlink_splits_leaf: ${unlinks} 0xffe0_1000, a part of a larger page-table entry: nothing ` +
      "from 0xffe0_1000 on is cleared, and the device still reaches it",
    ],
    [
      {},
      onLink((bench) => bench.free()),
      `free_while_linked: ${DEV} frees ${RANGE} while ${left} get another owner`,
    ],
    [
      {},
      inRange((bench) => {
        bench.link(0x10_0000, 0, 2 * PAGE);
        bench.destroy(PAGE);
      }),
      `destroy_short: ${DEV} destroys only 4096 bytes of ${RANGE}; ${left} may get another owner`,
    ],
    [
      {},
      onLink((bench) => {
        bench.destroy(PAGE);
        bench.destroy(PAGE);
        bench.free();
      }),
      `destroy_twice: ${DEV} destroys ${twice}`,
      `destroy_twice: ${DEV} frees ${twice}`,
    ],
    [
      {},
      inRange((bench) => {
        bench.free();
        bench.unlink(0, PAGE);
      }),
      `unlink_unlinked: ${unlinks} 0xffff_c000, but only 0 bytes of 4096 bytes in whole granules ` +
      "were mapped: at 0xffff_c000 nothing is linked",
    ],
    [
      {},
      onLink((bench) => bench.destroy(2 * PAGE)),
      `unlink_unlinked: ${DEV} unlinks 8192 bytes at 0xffff_c000, but only 4096 bytes of 8192 ` +
      "bytes in whole granules were mapped: at 0xffff_d000 nothing is linked",
    ],
    // A state that never had a range is given back by whoever cleans up: nothing to tell.
    [{}, (bench) => bench.free()],
  ]);
});

Deno.test("a state that is used for another range, word for word (dma.md 3.2)", () => {
  const lost = `try_alloc_live: ${DEV} reserves a range with a state that still has ${RANGE}: ` +
    "nobody can give that back any more";
  hold([
    [{}, inRange((bench) => void bench.tryAlloc(0, PAGE)), lost],
    [
      {},
      onLink((bench) => void bench.tryAlloc(0, PAGE)),
      `${lost}, with 4096 bytes that are linked there`,
    ],
  ]);
});

Deno.test("ends of mappings that go wrong, word for word (dma.md 8.2)", () => {
  const ends = `${DEV} ends ${PHYS}`;
  const memoryAt = (dma: DmaAddr) => new CoherentMemory(dma, PAGE, [at(0x50_0000)], 4096, false);
  const unknown = (address: string) =>
    `unmap_unknown: dma_unmap_phys() of device "dev" is to end a mapping of 4096 bytes at ` +
    `${address}, but`;
  hold([
    [
      {},
      (bench) => bench.unmap(DMA_MAPPING_ERROR, PAGE),
      'unmap_error_value: dma_unmap_phys() of device "dev" is given the error value: the map had ' +
      "failed, so there is nothing to end",
    ],
    [
      {},
      (bench) => bench.unmap(bench.map(0x10_0000, PAGE), 0x800),
      `unmap_size: ${ends} with another size: dma_unmap_phys() says 2048 bytes`,
    ],
    [
      {},
      (bench) => bench.unmap(bench.map(0x10_0000, PAGE), PAGE, DMA_FROM_DEVICE),
      `unmap_direction: ${ends} with another direction: dma_unmap_phys() says from_device`,
    ],
    [
      {},
      ({ dev, machine: { dma }, unmap }) =>
        unmap(dma.dmaMapPhys(dev, at(0x10_0000), PAGE, DMA_TO_DEVICE), PAGE),
      `error_unchecked: ${ends} without having asked dma_mapping_error() whether it had failed`,
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) => dma.dmaFreeCoherent(dev, memoryAt(map(0x10_0000, PAGE))),
      `unmap_kind: ${ends} with a call of another kind: dma_free_coherent()`,
      `unmap_direction: ${ends} with another direction: dma_free_coherent() says bidirectional`,
    ],
    [
      {},
      ({ dev, machine: { dma } }) =>
        dma.dmaFreeCoherent(dev, memoryAt(dma.dmaAllocCoherent(dev, PAGE)!.dma)),
      `free_cpu_address: ${DEV} ends ${
        page("0xffff_f000", "bidirectional, dma_alloc_coherent()", "0x6400_0000")
      } but gives back other memory: that at physical 0x50_0000`,
    ],
    [
      WINDOW,
      (bench) => {
        const mapped = bench.map(0xf000_0000, PAGE, DMA_TO_DEVICE, DMA_ATTR.MMIO);
        bench.unmap(mapped, PAGE, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC);
      },
      `unmap_attributes: ${DEV} ends ${
        page("0xffff_f000", undefined, "0xf000_0000")
      } with other attributes: none, mapped with mmio`,
    ],
    [
      {},
      (bench) => bench.unmap(0x7000 as DmaAddr, PAGE),
      `${unknown("0x7000")} nothing was ever mapped there`,
    ],
    [
      {},
      (bench) => {
        const mapped = bench.map(0x10_0000, PAGE);
        for (let count = 0; count < 2; count++) bench.unmap(mapped, PAGE);
      },
      `${unknown("0xffff_f000")} the mapping of 4096 bytes at 0xffff_f000 has ended already`,
    ],
    [
      {},
      (bench) => bench.unmap(bench.map(0x10_0000, PAGE) + 0x100 as DmaAddr, PAGE),
      `${unknown("0xffff_f100")} that address lies inside ${PHYS}`,
    ],
    [
      DIRECT,
      (bench) => {
        for (const pages of [1, 2]) bench.map(0x10_0000, pages * PAGE);
        bench.unmap(0x10_0000 as DmaAddr, PAGE, DMA_FROM_DEVICE);
      },
      `${unknown("0x10_0000")} none of the 2 mappings there is such a one; one is ` +
      "the mapping of 8192 bytes at 0x10_0000 (physical 0x10_0000, to_device, dma_map_phys())",
    ],
  ]);
});

Deno.test("calls of another API in a range, word for word (dma.md 8.3)", () => {
  const belongs = 'range_unmapped: dma_unmap_phys() of device "dev" is to end a mapping of 4096 ' +
    `bytes at 0xffff_c000, but that address belongs to ${RANGE} of the two-step API:`;
  const ended = "what is linked there ends and its addresses are given back, and will be given " +
    "back again with the range: they may get two owners";
  const unmap = (attrs = 0) => (bench: CheckerBench) =>
    bench.unmap(bench.state.addr, PAGE, DMA_TO_DEVICE, attrs);
  hold([
    [{}, inRange(unmap()), `${belongs} nothing is linked there, and nothing happens`],
    [{}, onLink(unmap()), `${belongs} ${ended}`],
    // What needs no look at memory is taken down, linked or not.
    [{}, inRange(unmap(DMA_ATTR.MMIO)), `${belongs} ${ended}`],
  ]);
});

Deno.test("an unmap inside a range ends the links of its own granules alone (dma.md 8.3)", () => {
  /** Which of the pages a link is known at, after an unmap of a page's length. */
  const left = (offset: number, link: (bench: CheckerBench) => void) => {
    const bench = checkerBench();
    const { dev, machine: { dma }, state } = bench;
    bench.tryAlloc(0, 4 * PAGE);
    link(bench);
    bench.sync(0, 4 * PAGE);
    bench.unmap(state.addr + offset as DmaAddr, PAGE);
    assertEquals(bench.classes(), ["range_unmapped"]);
    return [0, 1, 2, 3].filter((index) => {
      dma.dmaSyncSingleForCpu(dev, state.addr + index * PAGE as DmaAddr, PAGE, DMA_TO_DEVICE);
      return bench.reports().some(({ text }) => text.includes("know nothing of linked ranges"));
    });
  };
  const together = (bench: CheckerBench) => void bench.link(0x10_0000, 0, 4 * PAGE);
  const apart = (bench: CheckerBench) => {
    const dirs = [DMA_FROM_DEVICE, DMA_TO_DEVICE, DMA_BIDIRECTIONAL, DMA_TO_DEVICE] as const;
    dirs.forEach((dir, index) => bench.link(0x10_0000 * (index + 1), index * PAGE, PAGE, dir));
  };
  for (const link of [together, apart]) {
    assertEquals(left(PAGE, link), [0, 2, 3]);
    assertEquals(left(0, link), [1, 2, 3]);
    // From inside the second page into the third one.
    assertEquals(left(PAGE + 0x800, link), [0, 3]);
  }
});

Deno.test("what a range covers: whole granules before its first byte, and nothing behind its end (dma.md 8.3)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0x600, PAGE);
  const { addr } = bench.state;
  bench.unmap(addr - 0x600 as DmaAddr, PAGE);
  bench.unmap(addr + PAGE - 1 as DmaAddr, PAGE);
  bench.unmap(addr + PAGE as DmaAddr, PAGE);
  assertEquals(bench.classes(), ["range_unmapped", "range_unmapped", "unmap_unknown"]);
  // What such a call has left of a range's links is told as what it is.
  const twice = checkerBench();
  twice.tryAlloc(0, 2 * PAGE);
  twice.machine.events.context.site = 3;
  twice.link(0x10_0000, 0, 2 * PAGE);
  twice.sync(0, 2 * PAGE);
  for (const page of [0, 1]) twice.unmap(twice.state.addr + page * PAGE as DmaAddr, PAGE);
  const [first, second, ...others] = twice.reports();
  assertEquals([first?.class, second?.class, second?.first_site, others], [
    "range_unmapped",
    "unmap_unknown",
    3,
    [],
  ]);
  assertEquals(
    second?.text,
    'dma_unmap_phys() of device "dev" is to end a mapping of 4096 bytes at 0xffff_f000, but what ' +
      `is there was linked: ${page("0xffff_f000", "to_device, dma_iova_link()", "0x10_1000")}`,
  );
});

Deno.test("what has ended is told with the statement that mapped it", () => {
  const bench = checkerBench();
  const { dev, machine: { dma, events } } = bench;
  events.context.site = 4;
  const mapped = bench.map(0x10_0000, PAGE);
  events.context.site = 5;
  bench.unmap(mapped, PAGE);
  bench.unmap(mapped, PAGE);
  dma.dmaSyncSingleForCpu(dev, mapped, PAGE, DMA_TO_DEVICE);
  assertEquals(bench.reports().map((report) => [report.class, report.first_site]), [
    ["unmap_unknown", 4],
    ["sync_unknown", 4],
  ]);
});

Deno.test("syncs of mappings that go wrong, word for word (dma.md 8.2, rows 17 to 22)", () => {
  const syncs = (address: string, side: string, size = 4096) =>
    `${DEV} syncs ${size} bytes at ${address} for the ${side}`;
  const forCpu = `${syncs("0xffff_f000", "CPU")}, a part of ${PHYS}, but`;
  const writes = page("0xffff_f000", "from_device, dma_map_phys()");
  const forDevice = `${syncs("0xffff_f000", "device")}, a part of ${writes}, but`;
  hold([
    [
      {},
      ({ dev, machine: { dma } }) =>
        dma.dmaSyncSingleForCpu(dev, 0x7000 as DmaAddr, PAGE, DMA_TO_DEVICE),
      `sync_unknown: ${syncs("0x7000", "CPU")}, but nothing is mapped there`,
    ],
    [
      DIRECT,
      ({ dev, machine: { dma } }) =>
        dma.dmaSyncSingleForCpu(dev, 0x7000 as DmaAddr, PAGE, DMA_TO_DEVICE),
      `sync_unknown: ${syncs("0x7000", "CPU")}, but nothing is mapped there`,
    ],
    [
      {},
      ({ dev, machine: { dma } }) =>
        dma.dmaSyncSingleForDevice(dev, DMA_MAPPING_ERROR, PAGE, DMA_TO_DEVICE),
      `sync_unknown: ${syncs("the error value", "device")}, but nothing is mapped there`,
    ],
    [
      {},
      ({ dev, machine: { dma }, map, unmap }) => {
        const mapped = map(0x10_0000, PAGE);
        unmap(mapped, PAGE);
        dma.dmaSyncSingleForDevice(dev, mapped, PAGE, DMA_TO_DEVICE);
      },
      `sync_unknown: ${syncs("0xffff_f000", "device")}, but the mapping of 4096 bytes at ` +
      "0xffff_f000 has ended",
    ],
    [
      {},
      onLink(({ dev, machine: { dma }, state }) =>
        dma.dmaSyncSingleForDevice(dev, state.addr, PAGE, DMA_TO_DEVICE)
      ),
      `sync_unknown: ${syncs("0xffff_c000", "device")}, where ${LINK} is; these calls know ` +
      "nothing of linked ranges",
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) =>
        dma.dmaSyncSingleForDevice(dev, map(0x10_0000, PAGE), PAGE + 1, DMA_TO_DEVICE),
      `sync_size: ${syncs("0xffff_f000", "device", 4097)}, a part of ${PHYS}: that is 1 byte ` +
      "more than are mapped",
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) =>
        dma.dmaSyncSingleForCpu(dev, map(0x10_0000, PAGE), PAGE, DMA_FROM_DEVICE),
      `sync_direction: ${forCpu} says from_device`,
      `sync_for_cpu_read_only: ${forCpu} the device only reads it: there is nothing new to see`,
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) =>
        dma.dmaSyncSingleForDevice(dev, map(0x10_0000, PAGE, 2), PAGE, DMA_TO_DEVICE),
      `sync_direction: ${forDevice} says to_device`,
      `sync_for_device_write_only: ${forDevice} the device only writes it: it will see nothing ` +
      "of this",
    ],
    [
      {},
      ({ dev, machine: { dma } }) => {
        const list = new Scatterlist(
          [0x10_0000, 0x30_0000].map((phys) => ({ phys: at(phys), sizeBytes: PAGE })),
        );
        dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
        dma.dmaSyncSgForCpu(dev, list, DMA_TO_DEVICE, 1);
      },
      `sync_entries: ${syncs("0xffff_e000", "CPU", 8192)}, a part of the mapping of 8192 bytes ` +
      "at 0xffff_e000 (physical 0x10_0000, to_device, dma_map_sg()), as a list of 1 entries; " +
      "2 were mapped",
    ],
  ]);
});
