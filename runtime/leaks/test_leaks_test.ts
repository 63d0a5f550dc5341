import { assert, assertEquals } from "@std/assert";
import { KIB } from "../address.ts";
import { DmaPool } from "../dma/calls/pool.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../dma/attributes.ts";
import { DmaDevice } from "../dma/device/device.ts";
import { DmaIovaState } from "../dma/iova_state.ts";
import { at, testBench, type TestBenchOptions } from "../dma/testing.ts";
import { swiotlbConfig } from "../machine_config.ts";
import { ledgerOf } from "../resource_tracker.ts";
import { EventRecorder } from "../recorder.ts";
import { RUNTIME_TABLES } from "../recording/tables/runtime_tables.ts";
import { Beginning, type TestLeak } from "./test_leaks.ts";

/** A bench at the beginning of a test, and a function for its leaks. */
function watched(options: TestBenchOptions = {}) {
  const bench = testBench(options);
  const recorder = new EventRecorder(bench.machine.events, 1_000_000, bench.machine.budget);
  recorder.start();
  const beginning = new Beginning(bench.machine);
  return {
    ...bench,
    dma: bench.machine.dma,
    left: (sent: number[] = []) =>
      beginning.leftovers(ledgerOf(bench.machine, RUNTIME_TABLES, recorder.events), {
        sent: new Set(sent),
        isBusy: sent.length > 0,
      }),
    site(site: number) {
      bench.machine.events.context.site = site;
    },
  };
}

const kinds = (left: readonly TestLeak[]) => left.map(({ kind, site }) => [kind, site]);

Deno.test("a leaked mapping is reported once, with its addresses and entries (dma.md 8.2 row 25)", () => {
  const bench = watched();
  bench.site(7);
  const mapped = bench.dma.dmaMapPhys(bench.dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  const [seq] = bench.left().flatMap(({ event }) => event?.seq ?? []);
  assertEquals(bench.left().map(({ event, ...left }) => ({ ...left, event: event?.name })), [{
    kind: "mapping",
    eventSeqs: [seq!],
    rule: "dma.8.2.25",
    device: "dev",
    site: 7,
    text: 'Device "dev": mapping of 4096 bytes at 0xffff_f000 (physical 0x10_0000, ' +
      "to_device, dma_map_phys()), not unmapped",
    with: [
      "page-table entries of 4096 bytes at 0xffff_f000 not cleared",
      "4096-byte IOVA range at 0xffff_f000 not freed",
    ],
    more: 0,
    event: "dma.map",
  }]);
  bench.dma.dmaUnmapPhys(bench.dev, mapped, 4 * KIB, DMA_TO_DEVICE);
  assertEquals(bench.left(), []);
});

Deno.test("without an IOMMU only the records know, and who need not unmap leaves nothing", () => {
  const bench = watched({ iommu: { mode: "off" } });
  bench.dma.dmaMapPhys(bench.dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  assertEquals(bench.left().map(({ kind, with: others }) => [kind, others]), [["mapping", []]]);
  assertEquals(bench.dma.dmaNeedUnmap(bench.dev), false);
  assertEquals(bench.left(), []);
});

Deno.test("what existed before is no leak, nor is what its end leaves free", () => {
  const { machine, dev } = testBench();
  const before = machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  const state = new DmaIovaState();
  assert(machine.dma.dmaIovaTryAlloc(dev, state, at(0), 8 * KIB));
  const recorder = new EventRecorder(machine.events, 10_000, machine.budget);
  recorder.start();
  const beginning = new Beginning(machine);
  machine.dma.dmaUnmapPhys(dev, before, 4 * KIB, DMA_TO_DEVICE);
  assertEquals(beginning.leftovers(ledgerOf(machine, RUNTIME_TABLES, recorder.events)), []);
});

Deno.test("a leaked range is reported with what is linked there (dma.md 3.6 row 12)", () => {
  const bench = watched();
  const state = new DmaIovaState();
  bench.site(1);
  bench.dma.dmaIovaTryAlloc(bench.dev, state, at(0x200), 8 * KIB);
  bench.site(2);
  bench.dma.dmaIovaLink(bench.dev, state, at(0x10_0200), 0, 3584, DMA_TO_DEVICE);
  const [range, ...others] = bench.left();
  assertEquals(kinds([range!, ...others]), [["range", 1]]);
  assertEquals([range!.rule, range!.event?.name, range!.with.length], [
    "dma.3.6.12",
    "iova.alloc",
    2,
  ]);
});

Deno.test("entries of a range that was freed have no owner, and say who wrote them (dma.md 3.6 row 10)", () => {
  const bench = watched();
  const state = new DmaIovaState();
  bench.dma.dmaIovaTryAlloc(bench.dev, state, at(0), 8 * KIB);
  bench.site(2);
  bench.dma.dmaIovaLink(bench.dev, state, at(0x10_0000), 0, 8 * KIB, DMA_TO_DEVICE);
  bench.dma.dmaIovaFree(bench.dev, state);
  const other = new DmaDevice("other");
  bench.machine.iommu.attach(other);
  assertEquals(bench.dma.dmaMapPhys(other, at(0), 8 * KIB, DMA_TO_DEVICE), state.addr);
  const left = bench.left().filter(({ device }) => device === "dev");
  assertEquals(left.map(({ kind, rule, site, text }) => [kind, rule, site, text]), [[
    "page_table",
    "dma.3.6.10",
    2,
    'Device "dev": page-table entries of 8192 bytes at 0xffff_e000 not cleared',
  ]]);
});

Deno.test("a destroy of less loses the rest of the addresses (dma.md 3.5, size classes)", () => {
  const bench = watched();
  const state = new DmaIovaState();
  bench.site(3);
  bench.dma.dmaIovaTryAlloc(bench.dev, state, at(0), 32 * KIB);
  bench.dma.dmaIovaLink(bench.dev, state, at(0x10_0000), 0, 4 * KIB, DMA_TO_DEVICE);
  bench.dma.dmaIovaDestroy(bench.dev, state, 4 * KIB, DMA_TO_DEVICE);
  assertEquals(kinds(bench.left()), [["iova", 3]]);
});

Deno.test("bounce slots go with the mapping whose memory they hold", () => {
  const bench = watched({
    iommu: { mode: "off" },
    machine: { swiotlb: swiotlbConfig({ force: true, areas: 1 }) },
  });
  bench.dma.dmaMapPhys(bench.dev, at(0x10_0000), 6 * KIB, DMA_FROM_DEVICE);
  assertEquals(bench.left().map(({ kind, with: others }) => [kind, others]), [
    ["mapping", ["3 bounce slots from 0 on not freed"]],
  ]);
});

Deno.test("coherent memory and a pool's block are reported, and what the pool grew by is not", () => {
  for (const mode of ["strict", "off"] as const) {
    const bench = watched({ iommu: { mode } });
    const pool = new DmaPool(bench.machine, bench.dev, "small", 256, 256);
    bench.site(4);
    const block = pool.alloc()!;
    bench.site(5);
    const memory = bench.dma.dmaAllocCoherent(bench.dev, 8 * KIB)!;
    assertEquals(kinds(bench.left()), [["shared_memory", 5], ["pool_block", 4]], mode);
    bench.dma.dmaFreeCoherent(bench.dev, memory);
    pool.free(block, block.dma);
    assertEquals(bench.left(), [], mode);
  }
});

Deno.test("mappings of a request in flight are no leak, those of another request are", () => {
  const bench = watched();
  const { events } = bench.machine;
  const outer = events.context.enterRequest(3);
  bench.dma.dmaMapPhys(bench.dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  events.context.enterRequest(4);
  bench.dma.dmaMapPhys(bench.dev, at(0x20_0000), 4 * KIB, DMA_TO_DEVICE);
  events.context.leaveRequest(outer);
  assertEquals(bench.left([3]).map(({ event }) => event?.request), [4]);
  assertEquals(bench.left([3, 4]), []);
});

Deno.test("what one statement leaves is one finding, however much it is", () => {
  const bench = watched();
  for (const site of [1, 1, 1, 2]) {
    bench.site(site);
    bench.dma.dmaMapPhys(bench.dev, at(site * 0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  }
  assertEquals(bench.left().map(({ more, site }) => [site, more]), [[1, 2], [2, 0]]);
});

Deno.test("five thousand mappings of one statement are one finding, found at once", () => {
  const bench = watched();
  for (let page = 0; page < 5_000; page++) {
    bench.dma.dmaMapPhys(bench.dev, at(0x10_0000 + page * 8192), 4 * KIB, DMA_TO_DEVICE);
  }
  assertEquals(bench.left().map(({ more }) => more), [4_999]);
});
