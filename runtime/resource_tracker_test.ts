import { swiotlbConfig } from "./machine_config.ts";
import { assert, assertEquals } from "@std/assert";
import { KIB, type PhysAddr } from "./address.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "./dma/attributes.ts";
import { DmaDevice } from "./dma/device/device.ts";
import { DmaIovaState } from "./dma/iova_state.ts";
import { DmaPool } from "./dma/calls/pool.ts";
import { at, type TestBench, testBench } from "./dma/testing.ts";
import { eventId } from "./event_vocabulary.ts";
import { ResourceTracker } from "./resource_tracker.ts";

/** The tracked resources, as [kind, amount]. */
const kinds = (held: ResourceTracker): [string, number][] =>
  held.leaks().map(({ kind, amount }) => [kind, amount]);

/** Reserves a range and links the beginning of it. */
function linked({ machine, dev }: TestBench, sizeBytes: number, linkedBytes: number): DmaIovaState {
  const state = new DmaIovaState();
  assert(machine.dma.dmaIovaTryAlloc(dev, state, at(0x10_0000), sizeBytes));
  machine.dma.dmaIovaLink(dev, state, at(0x10_0000), 0, linkedBytes, DMA_TO_DEVICE, 0);
  machine.dma.dmaIovaSync(dev, state, 0, linkedBytes);
  return state;
}

Deno.test("a mapping holds an IOVA range, page-table entries and itself, until it is unmapped", () => {
  const { machine, dev } = testBench();
  const held = new ResourceTracker(machine);
  const dma = machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  const leaks = held.leaks().map(({ device, taken, text }) => [text, device, taken?.name]);
  assertEquals(leaks, [
    ["page-table entries of 4096 bytes at 0xffff_f000 not cleared", "dev", "iommu.map"],
    ["4096-byte IOVA range at 0xffff_f000 not freed", "dev", "iova.alloc"],
    ["1 more mapping live than before", null, undefined],
  ]);
  machine.dma.dmaUnmapPhys(dev, dma, 4 * KIB, DMA_TO_DEVICE);
  assertEquals(held.leaks(), []);
});

Deno.test("what was taken before the watch is not its business, nor is freeing it", () => {
  const { machine, dev } = testBench();
  const before = machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  const held = new ResourceTracker(machine);
  machine.dma.dmaUnmapPhys(dev, before, 4 * KIB, DMA_TO_DEVICE);
  assertEquals(held.leaks(), []);
  held.stop();
  machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  assertEquals(kinds(held).filter(([kind]) => kind !== "mapping"), [], "it looks no more");
});

Deno.test("a mapping without an IOMMU holds itself alone, unless dma_need_unmap() excuses it", () => {
  const { machine, dev } = testBench({ iommu: { mode: "off" } });
  const held = new ResourceTracker(machine);
  machine.events.context.site = 7;
  machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  machine.dma.dmaMapPhys(dev, at(0x20_0000), 4 * KIB, DMA_TO_DEVICE);
  const leaks = held.leaks().map(({ amount, device, kind, site }) => [kind, device, amount, site]);
  assertEquals(leaks, [["mapping", "dev", 2, 7]]);
  assertEquals(machine.dma.dmaNeedUnmap(dev), false);
  assertEquals(held.leaks(), []);
});

Deno.test("in lazy mode a range counts as freed when it is parked in the queue", () => {
  const { machine, dev } = testBench({ iommu: { mode: "lazy" } });
  const held = new ResourceTracker(machine);
  const dma = machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  machine.dma.dmaUnmapPhys(dev, dma, 4 * KIB, DMA_TO_DEVICE);
  assertEquals([machine.iommu.pendingFlushes, held.leaks().length], [1, 0]);
  machine.advance(20_000_000);
  assertEquals([machine.iommu.pendingFlushes, held.leaks().length], [0, 0]);
});

Deno.test("a range of which only the beginning is unlinked keeps the rest of its entries", () => {
  const bench = testBench();
  const { machine, dev } = bench;
  const held = new ResourceTracker(machine);
  const state = linked(bench, 32 * KIB, 32 * KIB);
  machine.dma.dmaIovaUnlink(dev, state, 0, 20 * KIB, DMA_TO_DEVICE, 0);
  assertEquals(kinds(held).slice(0, 2), [["page_table", 12 * KIB], ["iova", 32 * KIB]]);
});

Deno.test("freeing less of a range frees all of it within one size class (dma.md 3.5)", () => {
  const left = (mappedBytes: number) => {
    const bench = testBench();
    const held = new ResourceTracker(bench.machine);
    const state = linked(bench, 32 * KIB, mappedBytes);
    bench.machine.dma.dmaIovaDestroy(bench.dev, state, mappedBytes, DMA_TO_DEVICE, 0);
    return kinds(held);
  };
  assertEquals(left(32 * KIB), []);
  // Five granules are rounded up to eight, so freeing five frees all eight.
  assertEquals(left(20 * KIB), []);
  assertEquals(left(16 * KIB), [["iova", 16 * KIB]]);
  assertEquals(left(4 * KIB), [["iova", 28 * KIB]]);
});

Deno.test("a range beyond the size classes goes back as a whole, whatever was linked of it", () => {
  const bench = testBench();
  const held = new ResourceTracker(bench.machine);
  const state = linked(bench, 512 * KIB, 256 * KIB);
  bench.machine.dma.dmaIovaDestroy(bench.dev, state, 256 * KIB, DMA_TO_DEVICE, 0);
  assertEquals(held.leaks(), []);
});

Deno.test("bounce slots are held from the copy in to the release", () => {
  const { machine, dev } = testBench({
    iommu: { mode: "off" },
    machine: { swiotlb: swiotlbConfig({ force: true, areas: 1 }) },
  });
  const held = new ResourceTracker(machine);
  const dma = machine.dma.dmaMapPhys(dev, at(0x10_0000), 6 * KIB, DMA_FROM_DEVICE);
  assertEquals(
    held.leaks().map(({ kind, amount, taken, text }) => [kind, amount, taken?.name, text]),
    [
      ["bounce_slots", 3, "swiotlb.map", "3 bounce slots from 0 on not freed"],
    ],
  );
  machine.dma.dmaUnmapPhys(dev, dma, 6 * KIB, DMA_FROM_DEVICE);
  assertEquals(held.leaks(), []);
  machine.dma.dmaMapPhys(dev, at(0x10_0000), KIB, DMA_FROM_DEVICE);
  assertEquals(held.leaks().map(({ text }) => text), ["bounce slot 3 not freed"]);
});

Deno.test("a block of a pool is held, and the page that the pool grew by is not", () => {
  const { machine, dev } = testBench();
  const pool = new DmaPool(machine, dev, "small", 256, 256);
  const held = new ResourceTracker(machine);
  const first = pool.alloc()!;
  const second = pool.alloc()!;
  assertEquals(kinds(held), [["pool_block", 256], ["pool_block", 256]]);
  assertEquals(
    held.leaks()[0]?.text,
    '256-byte block of the pool "small" at 0xffff_f000 not freed',
  );
  pool.free(second, second.dma);
  pool.free(first, first.dma);
  assertEquals([held.leaks(), pool.sizeBytes], [[], 4 * KIB]);
  // A block that is freed with a wrong address counts as freed; no other block counts as freed
  // instead.
  const block = pool.alloc()!;
  pool.free(block, block.dma + 64 as typeof block.dma);
  assertEquals(held.leaks(), []);
});

Deno.test("coherent memory is held until it is freed", () => {
  const { machine, dev } = testBench();
  const held = new ResourceTracker(machine);
  const memory = machine.dma.dmaAllocCoherent(dev, 8 * KIB)!;
  const taken = ["shared_memory", "page_table", "iova"];
  assertEquals(kinds(held).slice(0, 3), taken.map((kind) => [kind, 8 * KIB]));
  machine.dma.dmaFreeCoherent(dev, memory);
  assertEquals(held.leaks(), []);
});

Deno.test("of memory that several statements took, no event is named once one of them may have freed it", () => {
  const { machine } = testBench();
  const { events } = machine;
  const held = new ResourceTracker(machine);
  const tell = (event: "mem.alloc" | "mem.free", site: number | null, size_bytes = 512) => {
    const { context } = events;
    const outer = context.site;
    context.site = site;
    const id = eventId(event);
    if (events.tick(id)) events.emit(id, { size_bytes, what: "dma_vecs", from: "mempool" });
    context.site = outer;
  };
  const leaks = () => held.leaks().map(({ amount, taken }) => [amount, taken?.site ?? null]);
  tell("mem.alloc", 1);
  tell("mem.alloc", 1);
  tell("mem.alloc", 2);
  assertEquals(leaks(), [[1024, 1], [512, 2]]);
  // An allocation of another size does not affect the leaks of the first three allocations.
  tell("mem.alloc", 3, 64);
  tell("mem.free", null, 64);
  tell("mem.free", null, 32);
  assertEquals(leaks(), [[1024, 1], [512, 2]]);
  tell("mem.free", null);
  assertEquals(leaks(), [[1024, null]]);
});

Deno.test("what is held contiguously is reported in one sentence", () => {
  const bench = testBench();
  const held = new ResourceTracker(bench.machine);
  linked(bench, 4 * KIB, 4 * KIB);
  linked(bench, 4 * KIB, 4 * KIB);
  assertEquals(held.leaks().map(({ text }) => text), [
    "page-table entries of 8192 bytes at 0xffff_e000 not cleared",
    "8192-byte IOVA range at 0xffff_e000 not freed",
    "2 more mappings live than before",
  ]);
  const [first] = bench.seen.filter(({ name }) => name === "iommu.map");
  assertEquals(held.leaks()[0]!.taken, first, "the higher one came first");
});

Deno.test("the same address of two devices is two things", () => {
  const { machine, dev } = testBench();
  const other = new DmaDevice("other");
  machine.iommu.attach(other);
  const held = new ResourceTracker(machine);
  const mine = machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  const theirs = machine.dma.dmaMapPhys(other, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  assertEquals(mine, theirs);
  machine.dma.dmaUnmapPhys(dev, mine, 4 * KIB, DMA_TO_DEVICE);
  assertEquals(held.leaks().map(({ kind, device }) => [kind, device]), [
    ["page_table", "other"],
    ["iova", "other"],
    ["mapping", null],
  ]);
});

Deno.test("watching changes no event and takes no time", () => {
  const eventsOf = (watch: boolean) => {
    const bench = testBench({ machine: { latenciesNs: { "iotlb.sync": 400 } } });
    const held = watch ? new ResourceTracker(bench.machine) : null;
    linked(bench, 8 * KIB, 4 * KIB);
    held?.leaks();
    held?.stop();
    return bench.seen;
  };
  assertEquals(eventsOf(true), eventsOf(false));
});

Deno.test("memory of a device is held in whole pages, from its call to the one that frees it", () => {
  const { machine: { events }, machine } = testBench();
  const held = new ResourceTracker(machine);
  const call = eventId("call.pci_alloc_p2pmem");
  const ret = eventId("ret.pci_alloc_p2pmem");
  const free = eventId("call.pci_free_p2pmem");
  events.context.enterDevice("cmb");
  for (const result of [0xc000_0000 as PhysAddr, null]) {
    if (events.tick(call)) events.emit(call, { dev: "cmb", size: 5000 });
    if (events.tick(ret)) events.emit(ret, { result, error: null });
  }
  assertEquals(held.leaks().map(({ text }) => text), [
    '8192 bytes of P2P memory of "cmb" at 0xc000_0000 not freed',
  ]);
  if (events.tick(free)) {
    events.emit(free, { dev: "cmb", phys: 0xc000_0000 as PhysAddr, size: 5000 });
  }
  assertEquals(held.leaks(), []);
});

Deno.test("a watch that begins anew counts the mappings that are live by then as before", () => {
  const { machine, dev } = testBench();
  const held = new ResourceTracker(machine);
  machine.dma.dmaMapPhys(dev, at(0x10_0000), 4 * KIB, DMA_TO_DEVICE);
  held.restart();
  assertEquals(held.leaks(), []);
});
