import { assertEquals, assertMatch } from "@std/assert";
import { DmaPool, type PoolBlock } from "../calls/pool.ts";
import type { DmaAddr } from "../../address.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaDevice } from "../device/device.ts";
import { DmaIovaState } from "../iova_state.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBenchOptions } from "../testing.ts";
import { type CheckerBench, checkerBench, DIRECT } from "./_bench.ts";

Deno.test("an access across two buffers side by side is inside", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x2000);
  bench.link(0x10_0000, 0, 0x1000);
  bench.sync(0, 0x1000);
  bench.machine.events.context.site = 3;
  bench.link(0x20_0000, 0x1000, 0x1000);
  bench.sync(0x1000, 0x1000);
  assertEquals(bench.machine.checker!.records, 3);
  bench.read(bench.state.addr + 0x800, 0x1000);
  assertEquals(bench.classes(), []);
});

Deno.test("what leaked is no buffer any more, though the device still reaches it, as it may have before", () => {
  for (const isRead of [false, true]) {
    const bench = checkerBench();
    bench.tryAlloc(0, 0x2000);
    for (const offset of [0, 0x1000]) bench.link(0x10_0000, offset, 0x1000);
    bench.sync(0, 0x2000);
    const { dev, machine: { dma } } = bench;
    const below = new DmaIovaState();
    dma.dmaIovaTryAlloc(dev, below, at(0), 0x1000);
    dma.dmaIovaLink(dev, below, at(0x20_0000), 0, 0x1000, DMA_TO_DEVICE);
    if (isRead) bench.read(bench.state.addr, 16);
    bench.free();
    dma.dmaIovaSync(dev, below, 0, 0x1000);
    bench.read(below.addr, 16);
    assertEquals(bench.classes(), ["free_while_linked"], "other links stay");
    for (const offset of [0, 0x1000]) {
      bench.read(bench.state.addr + offset, 16);
      assertEquals(bench.classes(), ["device_outside_buffer"]);
    }
  }
});

Deno.test("what a driver passes on as a bus address is accessed up to its end, and while it does", () => {
  const bench = checkerBench(DIRECT);
  const { dev, machine: { checker } } = bench;
  const seen = (dma: number, sizeBytes: number) => {
    bench.read(dma, sizeBytes);
    return bench.classes();
  };
  checker!.peers.onBus(dev, 0x10_0000, 0x1000);
  const outside = ["device_outside_buffer"];
  assertEquals(seen(0x10_0000, 0x1000), []);
  assertEquals([seen(0xf_ffff, 1), seen(0x10_0fff, 2)], [outside, outside]);
  checker!.peers.offBus(dev, 0x10_0000, 0x1000);
  assertEquals(seen(0x10_0000, 1), outside);
});

Deno.test("a fault is reported as a missing sync where the IOTLB caches the not-present entry (dma.md 3.6 row 6, 5.2)", () => {
  const bench = checkerBench({ iommu: { cachingMode: true } });
  bench.tryAlloc(0, 0x2000);
  assertEquals(bench.read(bench.state.addr, 4), false);
  assertEquals(bench.classes(), []);
  bench.link(0x10_0000, 0, 0x2000);
  assertEquals(bench.read(bench.state.addr, 4), false);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, others], ["sync_missing", []]);
  assertMatch(
    report!.text,
    /the IOTLB caches the not-present entry \(caching mode\), so the access faults$/,
  );
  bench.sync(0, 0x2000);
  assertEquals(bench.read(bench.state.addr, 4), true);
  assertEquals(bench.classes(), []);
});

Deno.test("a mapping reported as adjacent to an access lies in the same granule, to the byte", () => {
  const beside = (phys: number, sizeBytes: number): string => {
    const bench = checkerBench();
    bench.tryAlloc(0, 0x3000);
    // A link of the middle granule's first bytes maps the whole granule.
    bench.link(0x10_1000, 0x1000, 0x10);
    bench.sync(0x1000, 0x10);
    const mapped = bench.map(phys, sizeBytes);
    bench.read(mapped + sizeBytes, 1);
    const [report] = bench.reports();
    assertEquals(report?.class, "device_outside_buffer");
    return report!.text.replace(/^.*IOMMU granule with /, "").replace(/ at 0x.*$/, "");
  };
  assertEquals(beside(0x20_0000, 0x800), "the mapping of 2048 bytes");
  assertEquals(beside(0x20_0ff0, 0x8), "the mapping of 8 bytes");
  assertEquals(beside(0x20_0000, 0xfff), "the mapping of 4095 bytes");
});

Deno.test("of two buffers in neighbouring granules the one in the granule of the access is reported", () => {
  for (const newestFirst of [false, true]) {
    const bench = checkerBench();
    // One range of two granules; the second link is partial, but maps its whole granule.
    bench.tryAlloc(0, 0x2000);
    const links = [[0x10_0000, 0, 0x1000], [0x20_0000, 0x1000, 0x20]] as const;
    for (const [phys, offset, sizeBytes] of newestFirst ? links.toReversed() : links) {
      bench.link(phys, offset, sizeBytes);
      bench.sync(offset, sizeBytes);
    }
    bench.read(bench.state.addr + 0x1020, 1);
    const [report] = bench.reports();
    assertMatch(report!.text, /granule with .*32 bytes/);
  }
});

/**
 * Mistakes of a device, each with its reports: the report's class, the statement that it names, and
 * its text after the device's name. The statement `of 1` is the statement of the mapping.
 */
type Row = readonly [
  options: TestBenchOptions,
  run: (bench: CheckerBench) => unknown,
  ...expected: string[],
];

const SMMU: TestBenchOptions = { iommu: { model: "smmu" } };
const PAGE = 0x1000;
const FREE = "nothing is translated, so nothing stops the device, and no kernel sees it";
const WHOLE = ": the page is mapped as a whole, so nothing stops the device";

const inPool =
  (run: (bench: CheckerBench, pool: DmaPool, blocks: PoolBlock[]) => unknown) =>
  (bench: CheckerBench) => {
    const pool = new DmaPool(bench.machine, bench.dev, "small", 256, 256);
    run(bench, pool, [pool.alloc()!, pool.alloc()!]);
  };

const ROWS: readonly Row[] = [
  [{}, ({ dev, machine: { dma }, map, read }) => {
    const list = new Scatterlist([{ phys: at(0x20_0000), sizeBytes: 0x3000 }]);
    dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
    read(map(0x10_0200, 0x1200), 0x1200);
    read(list.dmaAddressAt(0) + 0xfff, 2);
    read(dma.dmaAllocCoherent(dev, 0x1000)!.dma, 0x1000);
  }],
  [
    SMMU,
    (bench) => bench.read(bench.map(0x10_0000, PAGE, DMA_FROM_DEVICE), 16),
    `device_direction of 1: reads 16 bytes at 0xffff_f000, against the direction of the mapping of 4096 bytes at 0xffff_f000 (physical 0x10_0000, from_device, dma_map_phys()): the entries of this IOMMU allow it`,
  ],
  [
    DIRECT,
    (bench) => {
      bench.map(0x10_0000, 8);
      bench.map(0x10_0008, 8, DMA_FROM_DEVICE);
      bench.read(0x10_0000, 16);
    },
    `device_direction of 1: reads 16 bytes at 0x10_0000, from 0x10_0008 on against the direction of the mapping of 8 bytes at 0x10_0008 (physical 0x10_0008, from_device, dma_map_phys()): ${FREE}`,
  ],
  [
    DIRECT,
    (bench) => bench.write(bench.map(0x10_0000, PAGE), 16),
    `device_direction of 1: writes 16 bytes at 0x10_0000, against the direction of the mapping of 4096 bytes at 0x10_0000 (physical 0x10_0000, to_device, dma_map_phys()): ${FREE}`,
  ],
  [
    DIRECT,
    (bench) => {
      // The device has just used this address; now another mapping has it.
      bench.read(bench.map(0x10_0000, PAGE), 16);
      bench.unmap(0x10_0000 as DmaAddr, PAGE);
      bench.read(bench.map(0x10_0000, PAGE, DMA_FROM_DEVICE), 16);
    },
    `device_direction of 1: reads 16 bytes at 0x10_0000, against the direction of the mapping of 4096 bytes at 0x10_0000 (physical 0x10_0000, from_device, dma_map_phys()): ${FREE}`,
  ],
  [
    DIRECT,
    (bench) => {
      const other = new DmaDevice("other");
      bench.machine.iommu.attach(other);
      bench.read(bench.map(0x10_0000, PAGE), 16);
      bench.unmap(0x10_0000 as DmaAddr, PAGE);
      bench.machine.dma.dmaMapPhys(other, at(0x10_0000), PAGE, DMA_TO_DEVICE);
      bench.read(0x10_0000, 16);
    },
    `device_outside_buffer of 1: reads 16 bytes at 0x10_0000, from 0x10_0000 on outside every mapped buffer: the mapping of 4096 bytes at 0x10_0000 has ended, but ${FREE}`,
  ],
  [DIRECT, (bench) => {
    for (const phys of [0x10_0000, 0x10_0100]) bench.map(phys, 8);
    for (const phys of [0x10_0000, 0x10_0100, 0x10_0000]) bench.read(phys, 8);
  }],
  [
    DIRECT,
    (bench) => bench.read(0x10_0000, 16),
    `device_outside_buffer of null: reads 16 bytes at 0x10_0000, from 0x10_0000 on outside every mapped buffer: ${FREE}`,
  ],
  [
    DIRECT,
    (bench) => bench.read(bench.map(0x10_0000, 8), 16),
    `device_outside_buffer of 1: reads 16 bytes at 0x10_0000, from 0x10_0008 on outside every mapped buffer: ${FREE}, next to the mapping of 8 bytes at 0x10_0000 (physical 0x10_0000, to_device, dma_map_phys())`,
  ],
  [
    {},
    (bench) => bench.read(bench.map(0x10_0000, 8), 16),
    `device_outside_buffer of 1: reads 16 bytes at 0xffff_f000, from 0xffff_f008 on outside every mapped buffer: they share an IOMMU granule with the mapping of 8 bytes at 0xffff_f000 (physical 0x10_0000, to_device, dma_map_phys())`,
  ],
  [
    {},
    (bench) => {
      bench.tryAlloc(0, 2 * PAGE);
      bench.link(0x10_0000, 0, 2 * PAGE);
      bench.sync(0, 2 * PAGE);
      const { addr } = bench.state;
      bench.destroy(PAGE);
      bench.read(addr + PAGE, PAGE);
    },
    'destroy_short of 1: dma_iova_destroy() on device "dev" of only 4096 bytes of the range of 8192 bytes at 0xffff_e000; 4096 bytes in whole granules stay linked: the device keeps access, and the IOVAs may be reused',
    `device_outside_buffer of 1: reads 4096 bytes at 0xffff_f000, from 0xffff_f000 on outside every mapped buffer: the rest of a range that was destroyed in part: their page-table entries are still present`,
  ],
  [
    {},
    (bench) => {
      bench.tryAlloc(0, 2 * PAGE);
      bench.link(0x10_0000, 0, PAGE);
      for (let times = 0; times < 2; times++) bench.read(bench.state.addr, 16);
    },
    `sync_missing of 1: reads 0xffff_e000 in the mapping of 4096 bytes at 0xffff_e000 (physical 0x10_0000, to_device, dma_iova_link()) before dma_iova_sync(): this IOMMU walks the table and finds it; one that caches not-present entries faults`,
  ],
  [
    {},
    ({ machine }) => {
      const [owner, member] = [new DmaDevice("owner"), new DmaDevice("dev")];
      machine.iommu.groups.make([owner, member]);
      const mapped = machine.dma.dmaMapPhys(owner, at(0x10_0000), PAGE, DMA_TO_DEVICE);
      machine.bus.read(member, mapped, new Uint8Array(16), 0, 16);
    },
    `device_outside_buffer of null: reads 16 bytes at 0xffff_f000, from 0xffff_f000 on outside every mapped buffer: "owner" has mapped them, and devices of an IOMMU group share its page table`,
  ],
  [
    {},
    inPool(({ read, write }, _pool, [one, two]) => {
      read(one!.dma, 256);
      write(two!.dma + 255, 1);
    }),
  ],
  [
    {},
    inPool(({ read }, _pool, [one]) => read(one!.dma + 8, 256)),
    `device_outside_buffer of null: reads 256 bytes at 0xffff_f008, from 0xffff_f100 on outside its block of pool "small"${WHOLE}`,
  ],
  [
    {},
    inPool(({ read, write }, _pool, [, two]) => {
      read(two!.dma + 256, 4);
      write(two!.dma + 300, 4);
    }),
    `device_outside_buffer of null: reads 4 bytes at 0xffff_f200, from 0xffff_f200 on outside every block of pool "small" that is allocated${WHOLE}`,
    `device_outside_buffer of null: writes 4 bytes at 0xffff_f22c, from 0xffff_f22c on outside every block of pool "small" that is allocated${WHOLE}`,
  ],
  [
    {},
    inPool(({ machine, read, write }, pool, [, two]) => {
      machine.events.context.site = 2;
      pool.free(two!, two!.dma);
      write(two!.dma + 252, 4);
      read(two!.dma, 4);
    }),
    `device_write_after_free of 2: writes 4 bytes at 0xffff_f1fc, in a block of pool "small" that dma_pool_free() freed: the pool may hand it out again`,
    `device_outside_buffer of null: reads 4 bytes at 0xffff_f100, from 0xffff_f100 on outside every block of pool "small" that is allocated${WHOLE}`,
  ],
  [
    DIRECT,
    inPool(({ read }, pool, [one]) => {
      pool.destroy();
      read(one!.dma, 4);
    }),
    'pool_in_use of null: Pool "small" of device "dev" is destroyed with 2 blocks in use',
    `device_outside_buffer of 1: reads 4 bytes at 0x6400_0000, from 0x6400_0000 on outside every mapped buffer: the mapping of 4096 bytes at 0x6400_0000 has ended, but ${FREE}`,
  ],
  [
    DIRECT,
    inPool(({ read }, pool) => {
      for (let count = 2; count < 16; count++) pool.alloc();
      read(0x6400_0f00, 512);
      read(0x6400_0008, 0x2000);
    }),
    `device_outside_buffer of null: reads 512 bytes at 0x6400_0f00, from 0x6400_1000 on outside every mapped buffer: ${FREE}`,
    `device_outside_buffer of null: reads 8192 bytes at 0x6400_0008, from 0x6400_0100 on outside its block of pool "small"${WHOLE}`,
  ],
  [
    DIRECT,
    ({ map, read }) => {
      map(0x10_1000, 8);
      read(0x10_0000, 16);
    },
    `device_outside_buffer of null: reads 16 bytes at 0x10_0000, from 0x10_0000 on outside every mapped buffer: ${FREE}`,
  ],
  [
    {},
    (bench) => {
      // The record of the range reuses the row of the mapping.
      const mapped = bench.map(0x10_0000, PAGE);
      bench.read(mapped, 16);
      bench.unmap(mapped, PAGE);
      bench.tryAlloc(0, PAGE);
      bench.link(0x10_0000, 0, PAGE);
      bench.read(mapped, 16);
    },
    `sync_missing of 1: reads 0xffff_f000 in the mapping of 4096 bytes at 0xffff_f000 (physical 0x10_0000, to_device, dma_iova_link()) before dma_iova_sync(): this IOMMU walks the table and finds it; one that caches not-present entries faults`,
  ],
  [
    { iommu: { mode: "lazy" } },
    (bench) => {
      const mapped = bench.map(0x10_0000, PAGE);
      bench.write(mapped, 16);
      bench.read(mapped, 16);
      bench.machine.advance(1000);
      bench.unmap(mapped, PAGE);
      bench.machine.advance(7);
      bench.read(mapped, 16);
    },
    `stale_iotlb_access of 1: read 0xffff_f000 through a stale IOTLB entry after the unmap of the mapping of 4096 bytes at 0xffff_f000: unmapped 7 ns ago, and the flush queue has not been flushed since`,
  ],
  [
    { iommu: { model: "amd" }, device: { ats: true, atsAnswersNs: null } },
    (bench) => {
      const mapped = bench.map(0x10_0000, PAGE);
      bench.read(mapped, 16);
      bench.unmap(mapped, PAGE);
      bench.machine.advance(7);
      bench.read(mapped, 16);
    },
    `stale_device_tlb_access of 1: read 0xffff_f000 through a stale entry of its device-TLB after the unmap of the mapping of 4096 bytes at 0xffff_f000: the device has not answered the invalidation sent 100000007 ns ago`,
  ],
];

Deno.test("accesses that go wrong, word for word (dma.md 1.6, 3.6, 5.3; nvme.md 7)", () => {
  for (const [options, run, ...expected] of ROWS) {
    const bench = checkerBench(options);
    bench.machine.events.context.site = 1;
    run(bench);
    const reports = bench.reports().map(({ class: kind, first_site, text }) =>
      `${kind} of ${first_site}: ${text.replace('Device "dev" ', "")}`
    );
    assertEquals(reports, expected, String(run));
  }
});
