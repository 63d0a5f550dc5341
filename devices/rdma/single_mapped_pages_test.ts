/** On-demand paging of 6.12: one IOVA and one mapping for each page. */
import { assertEquals, assertThrows } from "@std/assert";
import { ERRNO, hmmDmaMapAlloc } from "@dmalab/runtime";
import { type KernelProfile, NotInReleaseError } from "@dmalab/runtime/kernels";
import { MIB, PAGE, type RdmaRig, type RdmaRigOptions, rig, START, virt } from "./_rig.ts";
import { TABLE_READ, TABLE_WRITE } from "./device_table.ts";

const BOTH = TABLE_READ | TABLE_WRITE;

/** A rig with 6.12.117. */
function old(options: RdmaRigOptions = {}): RdmaRig {
  return rig({ ...options, machine: { kernel: "6.12.117", ...options.machine } });
}

/**
 * Counts the calls, ranges and invalidations when 512 pages are faulted in and discarded. `lists`
 * is the memory that is allocated for the region's lists.
 */
function costOf512(kernel: KernelProfile, options: RdmaRigOptions = {}) {
  const bench = rig({ pages: 512, ...options, machine: { kernel } });
  const region = bench.region();
  const lists = bench.fields("mem.alloc").reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  assertEquals(bench.fault(region, 0, 512), 512);
  bench.discard(0, 512);
  const { count } = bench;
  return {
    ranges: count("iova.alloc"),
    maps: count("call.dma_map_page") + count("call.dma_iova_link"),
    unmaps: count("call.dma_unmap_page") + count("call.dma_iova_unlink"),
    invalidations: count("iotlb.sync"),
    lists,
  };
}

Deno.test("512 pages cost 512 ranges and 8192 bytes of lists on 6.12, one range and 4096 bytes on 7.2 (hmm-rdma-vfio.md ch. 6)", () => {
  const each = { maps: 512, unmaps: 512, invalidations: 512 };
  assertEquals(costOf512("6.12.117"), { ...each, ranges: 512, lists: 8192 });
  assertEquals(costOf512("7.2.12"), { ...each, ranges: 1, lists: 4096 });
});

Deno.test("in lazy mode the pages of 6.12 wait for the flush queue, those of 7.2 for nothing (hmm-rdma-vfio.md 6.8)", () => {
  const lazy: RdmaRigOptions = { iommu: { mode: "lazy" } };
  // A queue of 256 places holds 255 ranges, so 512 ranges flush it twice.
  assertEquals(costOf512("6.12.117", lazy).invalidations, 2);
  assertEquals(costOf512("7.2.12", lazy).invalidations, 512);
});

Deno.test("a region of 6.12 has two lists from the beginning, in every mode and for software (hmm-rdma-vfio.md 6.1)", () => {
  for (const mode of ["strict", "lazy", "off", "passthrough"] as const) {
    for (const software of [false, true]) {
      const bench = old({ iommu: { mode }, software });
      const { umem } = bench.region();
      assertEquals(umem.pages.memoryBytes, 16 * 16, `${mode}, software ${software}`);
      assertEquals(bench.count("iova.alloc"), 0);
    }
  }
  // A huge page has one DMA address, and 512 entries in the list of page frames.
  const huge = old({ pages: 1024, huge: true }).region();
  assertEquals(huge.umem.pages.memoryBytes, 1024 * 8 + 2 * 8);
});

Deno.test("a list that cannot be had is ENOMEM, and nothing is left (hmm-rdma-vfio.md 6.1)", () => {
  for (const point of ["hmm_pfn_list.alloc", "hmm_dma_list.alloc"] as const) {
    const bench = old();
    assertEquals(bench.failing(point, () => bench.register()), -ERRNO.ENOMEM);
    assertEquals(bench.count("mem.alloc"), bench.count("mem.free"));
  }
});

Deno.test("a page that fails ends the loop: those before it stay mapped, and the lock is free (hmm-rdma-vfio.md 6.3, 6.4)", () => {
  const bench = old();
  const region = bench.region();
  assertEquals(bench.fault(region, 0), 1);
  const refused = bench.failing("dma_map_page", () => bench.fault(region, 0, 4));
  assertEquals(refused, -ERRNO.EFAULT);
  const { pages } = region.umem;
  assertEquals([0, 1, 2].map((index) => pages.access(index)), [BOTH, 0, 0]);
  assertEquals([region.umem.locked, region.umem.npages], [false, 1]);
  region.release();
  assertEquals(bench.machine.iommu.liveMappings, 0);
});

Deno.test("an address that is recorded is kept, and its access written anew (hmm-rdma-vfio.md 6.5, 6.6)", () => {
  const bench = old();
  const region = bench.region();
  const { adapter, mm } = bench;
  const look = (fault: boolean, downgrade: boolean) =>
    adapter.prefetch(region, START, PAGE, fault, downgrade);
  // A fault records the requested access, whatever the process may do.
  mm.faultIn(START, true);
  assertEquals(look(true, true), 1);
  assertEquals(region.umem.pages.access(0), TABLE_READ);
  const address = region.table!.address(0);
  assertEquals(look(true, false), 1);
  assertEquals([region.umem.pages.access(0), region.table!.address(0)], [BOTH, address]);
  assertEquals(bench.count("call.dma_map_page"), 1);
  // A snapshot records the access that the page permits to the process.
  mm.faultIn(virt(START + PAGE), false);
  assertEquals(adapter.prefetch(region, virt(START + PAGE), PAGE, false, false), 1);
  assertEquals(region.umem.pages.access(1), TABLE_READ);
  const next = region.table!.address(1);
  assertEquals(adapter.prefetch(region, virt(START + PAGE), PAGE, true, false), 1);
  assertEquals([region.umem.pages.access(1), region.table!.address(1)], [BOTH, next]);
  // A page that is not present is skipped.
  assertEquals(adapter.prefetch(region, virt(START + 2 * PAGE), PAGE, false, false), 1);
  assertEquals(region.umem.pages.access(2), 0);
});

Deno.test("a page that the CPU maps smaller than an entry is EINVAL (hmm-rdma-vfio.md 6.7)", () => {
  const bench = old({ pages: 1024 });
  const region = bench.region({ huge: true });
  assertEquals(bench.fault(region, 0, 512), -ERRNO.EINVAL);
  assertEquals(region.umem.locked, false);
});

Deno.test("two huge pages are led to their own memory on 6.12 (hmm-rdma-vfio.md 6.1, 6.4)", () => {
  const bench = old({ pages: 1024, huge: true });
  const region = bench.region();
  assertEquals(bench.fault(region, 0, 1024), 2);
  assertEquals(bench.fields("call.dma_map_page").map(({ size }) => size), [2 * MIB, 2 * MIB]);
  const second = bench.machine.iommu.lookup(region.umem.dev!, region.table!.address(1));
  assertEquals(second, bench.mm.pageAt(START + 2 * MIB)!.phys);
  bench.discard(0, 1024);
  assertEquals(bench.fields("odp.dirty").map(({ phys }) => phys)[1] as number, second);
});

Deno.test("taken back, a page is unmapped by itself, is dirty if it could be written, and forgotten (hmm-rdma-vfio.md 6.8)", () => {
  const bench = old();
  const region = bench.region();
  bench.fault(region, 0);
  bench.adapter.prefetch(region, virt(START + PAGE), PAGE, true, true);
  const [first] = [bench.mm.pageAt(START)!.phys];
  bench.forget();
  bench.discard(0, 2);
  assertEquals(
    bench.names("call.dma_unmap_page", "iotlb.sync", "iova.free"),
    [
      "call.dma_unmap_page",
      "iotlb.sync",
      "iova.free",
      "call.dma_unmap_page",
      "iotlb.sync",
      "iova.free",
    ],
  );
  assertEquals(bench.fields("odp.dirty"), [{ region: "mr1", phys: first }]);
  assertEquals([region.umem.npages, region.umem.pages.isUsed(0)], [0, false]);
  region.release();
  assertEquals(bench.fields("mem.free").map(({ size_bytes }) => size_bytes), [128, 128]);
});

Deno.test("a software device of 6.12 has addresses too, and maps nothing (hmm-rdma-vfio.md 6.1)", () => {
  const bench = old({ software: true });
  const region = bench.region();
  const access = bench.access(region, 3, 8, true);
  bench.run();
  assertEquals([access.done, access.error], [true, null]);
  assertEquals(bench.count("call.dma_map_page"), 0);
  assertEquals(region.umem.pages.cpuAddress(3), bench.mm.pageAt(START + 3 * PAGE)!.phys);
  bench.discard(0, 16);
  assertEquals([region.umem.pages.isUsed(3), bench.count("odp.dirty")], [false, 1]);
});

Deno.test("the page-wise DMA map is an error of the caller on 6.12, which says since when there is one (hmm-rdma-vfio.md 6.9)", () => {
  const { dev, machine } = old();
  const error = assertThrows(() => hmmDmaMapAlloc(machine, dev, 16, PAGE), NotInReleaseError);
  assertEquals(
    error.message,
    "There is no hmm_dma_map_alloc() in 6.12.117: the page-wise DMA map came with 6.16",
  );
});

Deno.test("a prefetch without a fault tells the device what the process may do by now (hmm-rdma-vfio.md 6.3)", () => {
  const bench = old();
  const region = bench.region();
  bench.mm.faultIn(START, true);
  bench.mm.faultIn(virt(START + PAGE), false);
  assertEquals(bench.adapter.prefetch(region, START, 3 * PAGE, false, false), 3);
  const { pages } = region.umem;
  assertEquals([0, 1, 2].map((index) => pages.access(index)), [BOTH, TABLE_READ, 0]);
});
