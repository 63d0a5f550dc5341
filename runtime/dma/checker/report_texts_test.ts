/** Every report about a range, the end of a mapping or a sync, word for word. */
import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import type { CacheHazard } from "../../memory/cached_page.ts";
import { CoherentMemory } from "../coherent_memory.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBenchOptions } from "../testing.ts";
import { type CheckerBench, checkerBench, DIRECT } from "./_bench.ts";

const PAGE = 0x1000;
const HUGE = 2 ** 21;
const LARGE: TestBenchOptions = { device: { maxSegmentSizeBytes: 2 ** 32 } };
const WINDOW: TestBenchOptions = {
  machine: {
    regions: [{ name: "bar", basePhys: at(0xf000_0000), sizeBytes: 0x10000, type: "mmio" }],
  },
};

/** The description of a mapping of one page at an address. */
const page = (dma: string, how = "to_device, dma_map_phys()", phys = "0x10_0000") =>
  `the mapping of 4096 bytes at ${dma} (physical ${phys}, ${how})`;
const PHYS = page("0xffff_f000");
/** Descriptions: of the first page of a range of three pages (`LINK`), and of the range. */
const LINK = page("0xffff_c000", "to_device, dma_iova_link()");
const RANGE = "the range of 12288 bytes at 0xffff_c000";

type Row = readonly [
  options: TestBenchOptions,
  run: (bench: CheckerBench) => void,
  ...expected: string[],
];

function hold(rows: readonly Row[], areCounted = false): void {
  for (const [options, run, ...expected] of rows) {
    const bench = checkerBench(options);
    run(bench);
    assertEquals(bench.reports().map((report) => `${report.class}: ${report.text}`), expected);
    if (areCounted) assertEquals(bench.errorCount(), expected.length);
  }
}

/** Reserves a range of three pages, and runs a test in it. */
const inRange = (run: (bench: CheckerBench) => void) => (bench: CheckerBench) => {
  bench.tryAlloc(0, 3 * PAGE);
  run(bench);
};

/** Reserves a range of three pages, links and syncs its first page, and runs a test in it. */
const onLink = (run: (bench: CheckerBench) => void) =>
  inRange((bench) => {
    bench.link(0x10_0000, 0, PAGE);
    bench.sync(0, PAGE);
    run(bench);
  });

/** Reserves a huge range, links and syncs it as one large leaf, and runs a test in it. */
const onLeaf = (run: (bench: CheckerBench) => void) => (bench: CheckerBench) => {
  bench.tryAlloc(0, HUGE);
  bench.link(0x1000_0000, 0, HUGE);
  bench.sync(0, HUGE);
  run(bench);
};

Deno.test("links that go wrong, word for word (dma.md 3.6, rows 1 to 5)", () => {
  const what = 'dma_iova_link() on device "dev" of 4096 bytes of physical';
  const empty = 'link_empty: dma_iova_link() on device "dev" of 0 bytes of physical 0x10_0000 at ' +
    "offset 0: zero-length link,";
  const linkEmpty = inRange((bench) => void bench.link(0x10_0000, 0, 0));
  hold([
    [{}, linkEmpty, `${empty} rejected`],
    [{ iommu: { model: "smmu" } }, linkEmpty, `${empty} returns 0 and maps nothing`],
    [
      {},
      inRange((bench) => void bench.link(0x10_0200, PAGE, PAGE)),
      `link_unaligned: ${what} 0x10_0200 at offset 4096: not granule-aligned; only the first link ` +
      "of a range may be unaligned (granule 4096 bytes)",
    ],
    [
      {},
      (bench) => {
        bench.tryAlloc(0x400, PAGE);
        bench.link(0x10_0000, 0, PAGE);
      },
      `link_unaligned: ${what} 0x10_0000 at offset 0, IOVA 0xffff_e400: the two differ in their ` +
      "offset in a granule; the link before ends inside a granule, or the range was allocated for " +
      "another offset",
    ],
    [
      {},
      inRange((bench) => {
        bench.free();
        bench.link(0x10_0000, 0, PAGE);
      }),
      `link_beyond_range: ${what} 0x10_0000 at offset 0: the state holds no range; IOVA ` +
      "0xffff_c000 is unallocated or owned by another mapping",
    ],
    [
      {},
      inRange((bench) => void bench.link(0x10_0000, 2 * PAGE, 2 * PAGE)),
      'link_beyond_range: dma_iova_link() on device "dev" of 8192 bytes of physical 0x10_0000 at ' +
      "offset 8192: 4096 bytes past the end of the range of 12288 bytes, in IOVAs that are " +
      "unallocated or owned by another mapping",
    ],
    [
      {},
      onLink((bench) => void bench.link(0x20_0000, 0, PAGE)),
      `link_overlap: ${what} 0x20_0000 at offset 0: IOVA 0xffff_c000 is already mapped by ${LINK}`,
    ],
    [
      { device: { maxSegmentSizeBytes: PAGE } },
      inRange((bench) => void bench.link(0x10_0000, 0, 2 * PAGE)),
      'link_beyond_device_limits: dma_iova_link() of physical 0x10_0000 gives device "dev" one ' +
      "segment of 8192 bytes at 0xffff_c000, above its max_seg_size of 4096 bytes",
    ],
  ]);
});

Deno.test("syncs and ends of links that go wrong, word for word (dma.md 3.6, rows 6 to 11)", () => {
  const unlinks = 'Unlink on device "dev" of 4096 bytes at';
  const left = "4096 bytes in whole granules stay linked: the device keeps access, and the IOVAs";
  const twice =
    `on device "dev" of the ${RANGE.slice(4)}, which is already free: a double free, so ` +
    "the range can be allocated twice";
  hold([
    [
      {},
      inRange((bench) => bench.sync(PAGE, PAGE)),
      'sync_unlinked: dma_iova_sync() on device "dev" of 4096 bytes at offset 4096 covers ' +
      "0xffff_d000, where nothing is linked: a later link there needs another dma_iova_sync()",
    ],
    [{}, inRange((bench) => bench.sync(PAGE, 0))],
    [
      {},
      onLink((bench) => bench.unlink(0, PAGE, DMA_FROM_DEVICE)),
      `unlink_direction: ${unlinks} 0xffff_c000: direction mismatch, from_device passed for ${LINK}`,
    ],
    [
      { device: { coherent: false } },
      onLink((bench) => bench.unlink(0, PAGE, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC)),
      `unlink_attributes: ${unlinks} 0xffff_c000: attributes mismatch, skip_cpu_sync passed, none ` +
      `linked, for ${LINK}`,
    ],
    [
      {},
      inRange((bench) => bench.unlink(0, PAGE)),
      `unlink_unlinked: ${unlinks} 0xffff_c000, but only 0 bytes of 4096 bytes in whole granules ` +
      "were mapped: nothing is linked at 0xffff_c000",
    ],
    [
      LARGE,
      onLeaf((bench) => bench.unlink(0, PAGE)),
      `unlink_splits_leaf: ${unlinks} 0xffe0_0000, a part of a large page-table entry: all ` +
      "2097152 bytes of it are unmapped",
    ],
    [
      LARGE,
      onLeaf((bench) => bench.unlink(PAGE, PAGE)),
      `unlink_splits_leaf: ${unlinks} 0xffe0_1000, a part of a large page-table entry: nothing ` +
      "from 0xffe0_1000 up is unmapped, and the device can still access it",
    ],
    [
      {},
      onLink((bench) => bench.free()),
      `free_while_linked: dma_iova_free() on device "dev" of ${RANGE} while ${left} will be reused`,
    ],
    [
      {},
      inRange((bench) => {
        bench.link(0x10_0000, 0, 2 * PAGE);
        bench.destroy(PAGE);
      }),
      `destroy_short: dma_iova_destroy() on device "dev" of only 4096 bytes of ${RANGE}; ${left} may ` +
      "be reused",
    ],
    [
      {},
      onLink((bench) => {
        bench.destroy(PAGE);
        bench.destroy(PAGE);
        bench.free();
      }),
      `destroy_twice: dma_iova_destroy() ${twice}`,
      `destroy_twice: dma_iova_free() ${twice}`,
    ],
    [
      {},
      inRange((bench) => {
        bench.free();
        bench.unlink(0, PAGE);
      }),
      `unlink_unlinked: ${unlinks} 0xffff_c000, but only 0 bytes of 4096 bytes in whole granules ` +
      "were mapped: nothing is linked at 0xffff_c000",
    ],
    [
      {},
      onLink((bench) => bench.destroy(2 * PAGE)),
      `unlink_unlinked: Unlink on device "dev" of 8192 bytes at 0xffff_c000, but only 4096 bytes of 8192 ` +
      "bytes in whole granules were mapped: nothing is linked at 0xffff_d000",
    ],
    // An error path may free a state that never had a range: nothing to report.
    [{}, (bench) => bench.free()],
  ]);
});

Deno.test("a state that is used for another range, word for word (dma.md 3.2)", () => {
  const lost = 'state_overwritten: dma_iova_try_alloc() on device "dev" with a state that still ' +
    `holds ${RANGE}: the old range is overwritten and leaked`;
  hold([
    [{}, inRange((bench) => void bench.tryAlloc(0, PAGE)), lost],
    [
      {},
      onLink((bench) => void bench.tryAlloc(0, PAGE)),
      `${lost}, with 4096 bytes linked there`,
    ],
  ]);
});

Deno.test("ends of mappings that go wrong, word for word (dma.md 8.2)", () => {
  const on = 'on device "dev"';
  const memoryAt = (dma: DmaAddr) => new CoherentMemory(dma, PAGE, [at(0x50_0000)], 4096, null);
  const unknown = (address: string) =>
    `unmap_unknown: dma_unmap_phys() ${on} of 4096 bytes at ${address}:`;
  hold([
    [
      {},
      (bench) => bench.unmap(DMA_MAPPING_ERROR, PAGE),
      `unmap_error_value: dma_unmap_phys() ${on} called with DMA_MAPPING_ERROR: the map had failed, ` +
      "nothing to unmap",
    ],
    [
      {},
      (bench) => bench.unmap(bench.map(0x10_0000, PAGE), 0x800),
      `unmap_size: dma_unmap_phys() size mismatch ${on}: 2048 bytes passed, 4096 bytes mapped, for ` +
      PHYS,
    ],
    [
      {},
      (bench) => bench.unmap(bench.map(0x10_0000, PAGE), PAGE, DMA_FROM_DEVICE),
      `unmap_direction: dma_unmap_phys() direction mismatch ${on}: from_device passed, to_device ` +
      `mapped, for ${PHYS}`,
    ],
    [
      {},
      ({ dev, machine: { dma }, unmap }) =>
        unmap(dma.dmaMapPhys(dev, at(0x10_0000), PAGE, DMA_TO_DEVICE), PAGE),
      `error_unchecked: dma_unmap_phys() ${on} without checking dma_mapping_error() first: ${PHYS}`,
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) => dma.dmaFreeCoherent(dev, memoryAt(map(0x10_0000, PAGE))),
      `unmap_kind: dma_free_coherent() ${on} is the wrong unmap function for ${PHYS}`,
      `unmap_direction: dma_free_coherent() direction mismatch ${on}: bidirectional passed, ` +
      `to_device mapped, for ${PHYS}`,
    ],
    [
      {},
      ({ dev, machine: { dma } }) =>
        dma.dmaFreeCoherent(dev, memoryAt(dma.dmaAllocCoherent(dev, PAGE)!.dma)),
      `free_cpu_address: dma_free_coherent() CPU address mismatch ${on}: physical 0x50_0000 passed, ` +
      "physical 0x6400_0000 mapped, for " +
      page("0xffff_f000", "bidirectional, dma_alloc_coherent()", "0x6400_0000"),
    ],
    [
      WINDOW,
      (bench) => {
        const mapped = bench.map(0xf000_0000, PAGE, DMA_TO_DEVICE, DMA_ATTR.MMIO);
        bench.unmap(mapped, PAGE, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC);
      },
      `unmap_attributes: dma_unmap_phys() attributes mismatch ${on}: none passed, mmio mapped, for ` +
      page("0xffff_f000", undefined, "0xf000_0000"),
    ],
    [
      {},
      (bench) => bench.unmap(0x7000 as DmaAddr, PAGE),
      `${unknown("0x7000")} no such mapping; nothing was ever mapped there`,
    ],
    [
      {},
      (bench) => {
        const mapped = bench.map(0x10_0000, PAGE);
        for (let count = 0; count < 2; count++) bench.unmap(mapped, PAGE);
      },
      `${unknown("0xffff_f000")} already unmapped: the mapping of 4096 bytes at 0xffff_f000`,
    ],
    [
      {},
      (bench) => {
        const mapped = bench.map(0x10_0000, 2 * PAGE);
        bench.unmap(mapped, 2 * PAGE);
        bench.unmap((mapped + PAGE) as DmaAddr, PAGE);
      },
      `${
        unknown("0xffff_f000")
      } no mapping begins there; the one around it, of 8192 bytes at 0xffff_e000, has been unmapped`,
    ],
    ...([[63, " already unmapped: the mapping of 4096 bytes at 0xffff_f000"], [
      64,
      " no such mapping; nothing was ever mapped there",
    ]] as const).map(([later, what]): Row => [
      {},
      // A mapping that ended, and later ones: the newest 64 are remembered.
      (bench) => {
        const first = bench.map(0x10_0000, PAGE);
        const others = Array.from({ length: later }, () => bench.map(0x20_0000, PAGE));
        for (const mapped of [first, ...others]) bench.unmap(mapped, PAGE);
        bench.unmap(first, PAGE);
      },
      `${unknown("0xffff_f000")}${what}`,
    ]),
    [
      {},
      (bench) => bench.unmap(bench.map(0x10_0000, PAGE) + 0x100 as DmaAddr, PAGE),
      `${unknown("0xffff_f100")} no such mapping; that address is in ${PHYS}`,
    ],
    [
      DIRECT,
      (bench) => {
        for (const pages of [1, 2]) bench.map(0x10_0000, pages * PAGE);
        bench.unmap(0x10_0000 as DmaAddr, PAGE, DMA_FROM_DEVICE);
      },
      `${unknown("0x10_0000")} 2 mappings cover that address, but none matches; for example ` +
      "the mapping of 8192 bytes at 0x10_0000 (physical 0x10_0000, to_device, dma_map_phys())",
    ],
  ], true);
});

Deno.test("calls of another API in a range, word for word (dma.md 8.3)", () => {
  const belongs = 'range_unmapped: dma_unmap_phys() on device "dev" of 4096 bytes at ' +
    `0xffff_c000: that address is in ${RANGE} of the two-step API:`;
  const ended = "the linked pages are unmapped and their IOVAs freed now, and freed again with " +
    "the range: a double free, so the range can be allocated twice";
  const unmap = (attrs = 0) => (bench: CheckerBench) =>
    bench.unmap(bench.state.addr, PAGE, DMA_TO_DEVICE, attrs);
  hold([
    [{}, inRange(unmap()), `${belongs} nothing is linked there, so the call has no effect`],
    [{}, onLink(unmap()), `${belongs} ${ended}`],
    // With this attribute no memory is looked up, so the call unmaps the page, whether it is linked
    // or not.
    [{}, inRange(unmap(DMA_ATTR.MMIO)), `${belongs} ${ended}`],
  ]);
});

Deno.test("an unmap inside a range ends the links of its own granules alone (dma.md 8.3)", () => {
  /** The pages with a link record after an unmap of one page's length. */
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
      return bench.reports().some(({ text }) => text.includes("does not handle linked ranges"));
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
    // The unmap extends from inside the second page into the third.
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
  // After an unmap inside a range, a report on one of the remaining links describes that link.
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
    'dma_unmap_phys() on device "dev" of 4096 bytes at 0xffff_f000: no such mapping; that address ' +
      `is in ${page("0xffff_f000", "to_device, dma_iova_link()", "0x10_1000")}`,
  );
});

Deno.test("a report on an unmapped buffer names the statement that mapped it", () => {
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
    `dma_sync_*_for_${side}() on device "dev" of ${size} bytes at ${address}`;
  const forCpu = `${syncs("0xffff_f000", "cpu")}, in ${PHYS}:`;
  const writes = page("0xffff_f000", "from_device, dma_map_phys()");
  const forDevice = `${syncs("0xffff_f000", "device")}, in ${writes}:`;
  hold([
    [
      {},
      ({ dev, machine: { dma } }) =>
        dma.dmaSyncSingleForCpu(dev, 0x7000 as DmaAddr, PAGE, DMA_TO_DEVICE),
      `sync_unknown: ${syncs("0x7000", "cpu")}: nothing is mapped there`,
    ],
    [
      DIRECT,
      ({ dev, machine: { dma } }) =>
        dma.dmaSyncSingleForCpu(dev, 0x7000 as DmaAddr, PAGE, DMA_TO_DEVICE),
      `sync_unknown: ${syncs("0x7000", "cpu")}: nothing is mapped there`,
    ],
    [
      {},
      ({ dev, machine: { dma } }) =>
        dma.dmaSyncSingleForDevice(dev, DMA_MAPPING_ERROR, PAGE, DMA_TO_DEVICE),
      `sync_unknown: ${syncs("DMA_MAPPING_ERROR", "device")}: nothing is mapped there`,
    ],
    [
      {},
      ({ dev, machine: { dma }, map, unmap }) => {
        const mapped = map(0x10_0000, PAGE);
        unmap(mapped, PAGE);
        dma.dmaSyncSingleForDevice(dev, mapped, PAGE, DMA_TO_DEVICE);
      },
      `sync_unknown: ${syncs("0xffff_f000", "device")}: the mapping of 4096 bytes at ` +
      "0xffff_f000 is already unmapped",
    ],
    [
      {},
      onLink(({ dev, machine: { dma }, state }) =>
        dma.dmaSyncSingleForDevice(dev, state.addr, PAGE, DMA_TO_DEVICE)
      ),
      `sync_unknown: ${syncs("0xffff_c000", "device")}, in ${LINK}: dma_sync_*() does ` +
      "not handle linked ranges",
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) =>
        dma.dmaSyncSingleForDevice(dev, map(0x10_0000, PAGE), PAGE + 1, DMA_TO_DEVICE),
      `sync_size: ${syncs("0xffff_f000", "device", 4097)}, in ${PHYS}: 1 byte past ` +
      "its end",
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) =>
        dma.dmaSyncSingleForCpu(dev, map(0x10_0000, PAGE), PAGE, DMA_FROM_DEVICE),
      `sync_direction: ${forCpu} direction mismatch, from_device passed`,
      `sync_for_cpu_read_only: ${forCpu} no effect, the device only reads a to_device mapping`,
    ],
    [
      {},
      ({ dev, machine: { dma }, map }) =>
        dma.dmaSyncSingleForDevice(dev, map(0x10_0000, PAGE, 2), PAGE, DMA_TO_DEVICE),
      `sync_direction: ${forDevice} direction mismatch, to_device passed`,
      `sync_for_device_write_only: ${forDevice} no effect, the device only writes a from_device ` +
      "mapping",
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
      `sync_entries: ${syncs("0xffff_e000", "cpu", 8192)}, in the mapping of 8192 bytes ` +
      "at 0xffff_e000 (physical 0x10_0000, to_device, dma_map_sg()): entries mismatch, 1 " +
      "passed, 2 mapped",
    ],
  ], true);
});

Deno.test("what caches hide and what another key encrypts is reported word for word", () => {
  const differ = (kind: CacheHazard["kind"], lines: number) => (bench: CheckerBench) =>
    bench.machine.checker!.memory.cachesDiffer(
      { kind, lines, phys: at(0x10_0040), device: "dev", writtenAt: null },
    );
  const touch = (access: "read" | "write") => ({ dev, machine }: CheckerBench) =>
    machine.checker!.memory.touchesPrivate(dev, at(0x10_0040), 64, access);
  hold([
    [
      DIRECT,
      differ("stale_cacheline_read", 1),
      "stale_cacheline_read: CPU read of stale data from 1 cache line at 0x10_0040: device " +
      '"dev" wrote the memory, and the line was not invalidated',
    ],
    [
      DIRECT,
      differ("stale_memory_read", 2),
      'stale_memory_read: Device "dev" reads stale memory under 2 cache lines at 0x10_0040: the ' +
      "dirty line was not written back",
    ],
    [
      DIRECT,
      differ("dirty_cacheline_lost", 2),
      "dirty_cacheline_lost: CPU writes to 2 cache lines at 0x10_0040 discarded: the device " +
      "owned the buffer, and the sync for the CPU invalidates",
    ],
    [
      DIRECT,
      differ("device_write_lost", 1),
      'device_write_lost: Write of device "dev" under 1 cache line at 0x10_0040 lost: the CPU ' +
      "dirtied the same line (false sharing), and its write-back overwrote it",
    ],
    [
      DIRECT,
      touch("read"),
      'private_memory_access: Device "dev" reads 64 bytes of private memory at 0x10_0040: it gets ' +
      "what is stored, not what the guest wrote",
    ],
    [
      DIRECT,
      touch("write"),
      'private_memory_access: Device "dev" writes 64 bytes of private memory at 0x10_0040: the ' +
      "guest will decrypt what was never encrypted",
    ],
  ]);
});

Deno.test("what shares cache lines, what is left at an unbind and what a context forbids, word for word (dma.md 8.2)", () => {
  const old: TestBenchOptions = { machine: { kernel: "6.12.117" } };
  const byte = (dma: string, phys = "0x10_0000") =>
    `the mapping of 8 bytes at ${dma} (physical ${phys}, from_device, dma_map_phys())`;
  const overlap = (one: string, other: string) =>
    `cacheline_overlap: Device "dev": ${one} shares a cache line with ${other}: data that the ` +
    "device writes may be lost when the line is written back";
  const full = page("0xffff_e000", "from_device, dma_map_phys()", "0x10_0800");
  hold([
    [
      old,
      ({ map }) => [0x10_0000, 0x10_003f].forEach((phys) => map(phys, 8, DMA_FROM_DEVICE)),
      overlap(byte("0xffff_e03f", "0x10_003f"), byte("0xffff_f000")),
    ],
    [
      old,
      ({ map, reports }) => {
        for (let times = 0; times < 8; times++) map(0x10_0000, 8, DMA_FROM_DEVICE);
        reports();
        map(0x10_0000, 8, DMA_FROM_DEVICE);
      },
      overlap(byte("0xffff_7000"), byte("0xffff_8000")),
      `cacheline_overlap_many: Device "dev": ${byte("0xffff_7000")} shares a cache line with 8 ` +
      "other mappings: the kernel counts no further",
    ],
    [
      { device: { coherent: false } },
      ({ map }) => [0x10_0000, 0x10_0800].forEach((phys) => map(phys, PAGE, DMA_FROM_DEVICE)),
      `cacheline_shared: Device "dev": ${full.replace("e000", "c800")} shares cache lines with ` +
      `${page("0xffff_f000", "from_device, dma_map_phys()")}, and no kernel reports it: what a ` +
      "device writes may be lost when a line is written back or invalidated for the other mapping",
    ],
    [
      {},
      ({ dev, machine: { dma }, map, tryAlloc }) => {
        map(0x10_0000, PAGE);
        tryAlloc(0, 3 * PAGE);
        dma.unbind(dev);
      },
      `leak_at_unbind: The driver of device "dev" unbinds with 1 live mapping; one is ${PHYS}`,
      'iova_leak_at_unbind: The driver of device "dev" unbinds with 1 IOVA range allocated, with ' +
      `their links; one is ${RANGE.replace("c000", "8000")}`,
    ],
    [
      {},
      ({ machine: { checker } }) => {
        checker!.cpu.maskIgnored("dev", "dma_map_phys", 1);
        checker!.cpu.unsynced(
          {
            device: "dev",
            phys: at(0x10_0000),
            dma: 0x8000,
            sizeBytes: 64,
            dir: DMA_FROM_DEVICE,
            site: null,
          },
          { dma: 0x8008, sizeBytes: 4 },
        );
        checker!.contexts.lockOrder("a is taken before b", 1);
        checker!.contexts.maySleep("msleep()");
      },
      'mask_failure_ignored: dma_map_phys() for device "dev" after setting its DMA mask failed: ' +
      "the previous mask is in effect",
      'device_write_unsynced: Device "dev" writes 4 bytes at 0x8008, at offset 8 of a buffer that the CPU ' +
      "owns (mapped from_device, synced for the CPU, no dma_sync_*_for_device since): without coherent " +
      "caches the CPU may keep stale data, or its caches may overwrite the device's",
      "lock_order: a is taken before b",
    ],
  ]);
});

Deno.test("what memory is mapped, written, freed and freed twice is reported word for word (dma.md 1.6, 8.2)", () => {
  hold([
    [
      {},
      ({ dev, machine: { dma } }) => dma.dmaMapResource(dev, at(0x10_0000), PAGE, DMA_TO_DEVICE),
      `mmio_is_ram: RAM mapped with DMA_ATTR_MMIO for device "dev": ${
        page("0xffff_f000", "to_device, dma_map_resource()")
      }`,
    ],
    [
      DIRECT,
      ({ map }) => map(0x10_0000, 0),
      'map_empty: 0 bytes at physical 0x10_0000 mapped for device "dev": without an IOMMU that works, ' +
      "behind one the map fails",
    ],
    [
      {},
      ({ map }) => map(2 ** 40, PAGE),
      'map_outside_ram: 4096 bytes at physical 0x100_0000_0000 mapped for device "dev" without ' +
      "DMA_ATTR_MMIO: there is no RAM",
    ],
    [
      {},
      ({ machine: { checker }, map }) => {
        map(0x10_0000, PAGE);
        checker!.memory.written([{ phys: at(0x10_0008), sizeBytes: 8 }]);
        checker!.memory.freed([at(0x10_0000)], PAGE);
        checker!.memory.freedTwice(at(0x10_0000), 8);
      },
      `cpu_access_while_mapped: CPU write at 0x10_0008, which is the device's: ${PHYS}, no ` +
      "dma_sync_*_for_cpu since: the device may not see the data, or data it wrote may be lost",
      `freed_while_mapped: The page at 0x10_0000 is freed while it is still mapped: ${PHYS}: ` +
      "the device can access whatever is allocated there next",
      "double_free: 8 bytes at 0x10_0000 freed twice",
    ],
  ]);
});
