/**
 * Behaviour that real two-step calls showed beyond their rules (hmm-rdma-vfio.md ch. 5, rows 15 to
 * 21).
 */
import { assertEquals, assertThrows } from "@std/assert";
import { GIB, MIB } from "../../address.ts";
import { KernelError } from "../../errno.ts";
import { DMA_TO_DEVICE } from "../attributes.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at, testBench, type TestBenchOptions } from "../testing.ts";

const PAGE = 0x1000;
const PHYS = at(0x1000_0000);

function range(sizeBytes: number, options: TestBenchOptions = {}) {
  const bench = testBench(options);
  const { dev, machine } = bench;
  const state = new DmaIovaState();
  const { dma } = machine;
  const ok = dma.dmaIovaTryAlloc(dev, state, at(0), sizeBytes);
  return {
    ...bench,
    state,
    ok,
    link: (phys: number, offset: number, size: number) =>
      dma.dmaIovaLink(dev, state, at(phys), offset, size, DMA_TO_DEVICE),
    unlink: (offset: number, size: number) =>
      dma.dmaIovaUnlink(dev, state, offset, size, DMA_TO_DEVICE),
    destroy: (size: number) => dma.dmaIovaDestroy(dev, state, size, DMA_TO_DEVICE),
    sync: (offset: number, size: number) => dma.dmaIovaSync(dev, state, offset, size),
    free: () => dma.dmaIovaFree(dev, state),
    leadsTo: (offset: number) => machine.iommu.lookup(dev, state.addr + offset) as number,
    warned: () => bench.fields("kernel.warn").map((warning) => warning.at),
  };
}

Deno.test("an unlink, or a destroy, stops at the first hole: what lies behind stays mapped (hmm-rdma-vfio.md 5.15)", () => {
  for (const end of ["unlink", "destroy"] as const) {
    const bench = range(4 * PAGE);
    for (const offset of [0, 2 * PAGE, 3 * PAGE]) bench.link(PHYS + offset, offset, PAGE);
    if (end === "unlink") bench.unlink(0, 4 * PAGE);
    else bench.destroy(4 * PAGE);
    assertEquals(bench.fields("iommu.unmap").map((unmap) => unmap.unmapped_bytes), [PAGE]);
    assertEquals([0, 1, 2, 3].map((index) => bench.leadsTo(index * PAGE)), [
      -1,
      -1,
      PHYS + 2 * PAGE,
      PHYS + 3 * PAGE,
    ]);
    assertEquals(bench.warned(), ["__iommu_dma_iova_unlink"]);
    // The kernel warns before the IOTLB is invalidated.
    const order = bench.names("kernel.warn", "iotlb.sync");
    assertEquals(order, ["kernel.warn", "iotlb.sync"]);
  }
});

Deno.test("a link on a state that is all zero maps from IOVA 0 (hmm-rdma-vfio.md 5.16)", () => {
  const bench = range(0);
  assertEquals([bench.ok, bench.state.addr], [false, 0]);
  assertEquals(bench.link(PHYS, 0, PAGE), 0);
  assertEquals(bench.fields("iommu.map").map(({ iova, phys }) => [iova, phys]), [[0, PHYS]]);
});

Deno.test("a sync of nothing is one flush whose end lies before its start (hmm-rdma-vfio.md 5.17)", () => {
  const bench = range(4 * PAGE, { iommu: { cachingMode: true } });
  assertEquals(bench.sync(PAGE, 0), 0);
  const [flush] = bench.fields("iotlb.sync");
  assertEquals([flush!.kind, flush!.start, flush!.size_bytes], [
    "map",
    bench.state.addr + PAGE,
    0,
  ]);
});

Deno.test("a link that replaces an empty table flushes more than leaves, before it is done (hmm-rdma-vfio.md 5.18)", () => {
  const bench = range(4 * MIB);
  bench.link(PHYS, 0, PAGE);
  bench.unlink(0, PAGE);
  bench.forget();
  assertEquals(bench.link(GIB, 0, 2 * MIB), 0);
  const flushes = bench.seen.filter(({ name }) => name === "iotlb.sync");
  assertEquals(flushes.map(({ why }) => why?.inputs.leaf_only), [false]);
  assertEquals(bench.names("iotlb.sync", "ret.dma_iova_link"), [
    "iotlb.sync",
    "ret.dma_iova_link",
  ]);
});

Deno.test("a link of nothing on a device that bounces is EINVAL, also where no page could begin (hmm-rdma-vfio.md 5.19)", () => {
  const bench = range(4 * PAGE, { device: { untrusted: true, minAlignMask: 4095 } });
  assertEquals(bench.link(PHYS, 0x200, 0), -22);
  assertEquals(bench.link(PHYS, 0x200, PAGE), -6);
  assertEquals([bench.machine.swiotlb.usedSlots, bench.state.bounced], [0, false]);
});

Deno.test("a range of 2^62 bytes is refused without a word; nothing, and 2^63, with one each (hmm-rdma-vfio.md 5.20)", () => {
  const large = range(2 ** 62, { device: { prefer32Bit: false } });
  assertEquals([large.ok, large.warned()], [false, []]);
  const bench = range(0);
  const { dev, machine, state } = bench;
  for (const size of [2 ** 63, 0, 2 ** 63]) {
    machine.dma.dmaIovaTryAlloc(dev, state, at(0), size);
  }
  assertEquals(bench.warned(), ["dma_iova_try_alloc", "dma_iova_try_alloc_size"]);
  machine.warnings.rearm();
  machine.dma.dmaIovaTryAlloc(dev, state, at(0), 0);
  assertEquals(bench.warned().length, 3);
});

Deno.test("after a false try-alloc: null pointers without an IOMMU, frame 0 in the cache behind one (hmm-rdma-vfio.md 5.21)", () => {
  const direct = range(PAGE, { iommu: { mode: "off" } });
  assertEquals(direct.ok, false);
  assertThrows(() => direct.link(PHYS, 0, PAGE), KernelError, "null pointer");
  assertThrows(() => direct.free(), KernelError, "null pointer");

  const bench = range(0);
  bench.free();
  bench.destroy(0);
  assertEquals(
    bench.fields("iova.free").map(({ size_bytes, start, to }) => [start, size_bytes, to]),
    [
      [0, 0, "rcache"],
      [0, 0, "rcache"],
    ],
  );
  const next = [0, 1].map(() => {
    const state = new DmaIovaState();
    bench.machine.dma.dmaIovaTryAlloc(bench.dev, state, at(0), PAGE);
    return state.addr;
  });
  assertEquals(next, [0xffff_f000, 0xffff_e000] as never);
  assertEquals(bench.fields("iova.alloc").map(({ source }) => source), ["tree", "tree"]);
});
