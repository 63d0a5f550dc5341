import { assert, assertEquals } from "@std/assert";
import { ERRNO } from "@dmalab/runtime";
import type { KernelProfile, QuirkName } from "@dmalab/runtime/kernels";
import { MIB, PAGE, rig, START, virt } from "./_rig.ts";
import { ImplicitRegion } from "./implicit_region.ts";
import type { MemoryRegion } from "./memory_region.ts";

Deno.test("one page fault asks for all that is left of an access (hmm-rdma-vfio.md 2.4)", () => {
  const { access, region, run } = rig();
  const mr = region();
  const write = access(mr, 2, 5 * PAGE, true);
  run();
  assertEquals([write.done, write.faults], [true, 1]);
  assertEquals([mr.statistics.faults, mr.statistics.faultsHandled], [5, 1]);
});

Deno.test("a page that is taken back between the host's two steps is read again (hmm-rdma-vfio.md 2.2)", () => {
  const { access, fields, machine, mm, region, run } = rig();
  const mr = region();
  mm.faultIn(START, true);
  const read = access(mr, 0, 1);
  run(2);
  mm.migrate(START);
  run();
  assertEquals([read.done, read.error, read.faults], [true, null, 1]);
  assertEquals(fields("odp.retry").length, 1);
  const led = machine.iommu.lookup(mr.umem.dev!, mr.table!.address(0));
  assertEquals(led, mm.pageAt(START)!.phys);
});

Deno.test("after an invalidation the device has no way to the old page (hmm-rdma-vfio.md 2.3)", () => {
  const { access, machine, mm, region, run, dev } = rig();
  const mr = region();
  access(mr, 0, 1, true);
  run();
  const address = mr.table!.address(0);
  mm.migrate(START);
  assertEquals([mr.table!.access(0), machine.iommu.lookup(dev, address)], [0, -1]);
  const again = access(mr, 0, 1);
  run();
  assertEquals([again.faults, again.error], [1, null]);
});

Deno.test("a page table that is changing makes the fault wait, tick by tick, a second at most (hmm-rdma-vfio.md 2.2)", () => {
  for (const ends of [true, false]) {
    const { access, machine, mm, region, run } = rig();
    const mr = region();
    const end = virt(START + PAGE);
    mm.beginChange({ start: START, end, blockable: true }, "asked");
    const read = access(mr, 0, 1);
    if (ends) {
      machine.clock.arm({ timerExpired: () => void mm.notifiers.end(START, end) }, 5_000_000);
    }
    run(5000);
    assertEquals([read.done, read.error], [true, ends ? null : "EBUSY"]);
    assertEquals(mr.statistics.faultsHandled, ends ? 1 : 0);
  }
});

Deno.test("an access whose DMA faults ends with EIO", () => {
  const { access, failing, fault, region, run } = rig();
  const mr = region();
  fault(mr, 0);
  const read = failing("device.read", () => {
    const made = access(mr, 0, 1);
    run();
    return made;
  });
  assertEquals(read.error, "EIO");
});

Deno.test("a child without pages is destroyed, and made anew when it is wanted (hmm-rdma-vfio.md 2.1, 2.3)", () => {
  const { adapter, count, machine, mm, run } = rig({ pages: 1024 });
  const all = adapter.registerImplicit({ mm, writable: true, huge: false, onDemand: true });
  assert(all instanceof ImplicitRegion);
  assertEquals([count("mem.alloc"), mm.notifiers.count], [0, 0], "it has no range and no lists");
  assertEquals(adapter.prefetch(all, virt(START + 511 * PAGE), 2 * PAGE, true, false), 2);
  assertEquals(all.children.map(({ umem }) => [umem.start - START, umem.entries]), [
    [0, 512],
    [2 * MIB, 512],
  ]);
  mm.discard(virt(START + 511 * PAGE), virt(START + 512 * PAGE), true);
  assertEquals([all.children.length, mm.notifiers.count], [1, 2], "it is on its way out");
  run();
  assertEquals(mm.notifiers.count, 1);
  adapter.prefetch(all, virt(START), PAGE, true, false);
  assertEquals([all.children.length, all.statistics.prefetch], [2, 3]);
  adapter.deregister(all);
  assertEquals([mm.notifiers.count, machine.iommu.liveMappings], [0, 0]);
});

Deno.test("a child whose count has drifted is never seen to be empty (hmm-rdma-vfio.md ch. 4, case 1)", () => {
  const { adapter, mm, run } = rig();
  const all = adapter.registerImplicit({ mm, writable: true, huge: false, onDemand: true });
  assert(all instanceof ImplicitRegion);
  adapter.prefetch(all, START, PAGE, true, false);
  adapter.prefetch(all, virt(START + PAGE), PAGE, true, false);
  mm.discard(START, virt(START + 2 * PAGE), true);
  run();
  assertEquals(all.children.map(({ umem }) => umem.npages), [1]);
});

Deno.test("a child of a process that is gone, or of a region that is, is EFAULT (hmm-rdma-vfio.md 2.1)", () => {
  for (const gone of ["process", "region"]) {
    const { adapter, mm } = rig();
    const all = adapter.registerImplicit({ mm, writable: true, huge: false, onDemand: true });
    assert(all instanceof ImplicitRegion);
    if (gone === "process") mm.exit();
    else adapter.deregister(all);
    assertEquals(adapter.prefetch(all, START, PAGE, true, false), -ERRNO.EFAULT);
  }
});

/**
 * A software device for a process with two pages: the process may read both, but may write only the
 * second page.
 */
function software(quirks: readonly QuirkName[]) {
  const bench = rig({ software: true, quirks });
  const { mm } = bench;
  mm.faultIn(virt(START + PAGE), true);
  mm.protect(START, virt(START + PAGE), "read");
  const mr = bench.region({ writable: false, sizeBytes: 2 * PAGE });
  return { ...bench, mr };
}

Deno.test("a software device has a list of page frames and nothing else (hmm-rdma-vfio.md 2.1)", () => {
  const { access, count, fields, mr, run } = software([]);
  const read = access(mr, 0, 2 * PAGE);
  run();
  assertEquals([read.error, read.faults, mr.table], [null, 1, null]);
  assertEquals(fields("mem.alloc"), [{ what: "hmm_pfn_list", size_bytes: 16, from: "slab" }]);
  assertEquals([count("call.dma_iova_try_alloc"), count("call.hmm_dma_map_pfn")], [0, 0]);
  assertEquals(count("iommu.translate"), 0);
});

Deno.test("a software device loses what the process takes back", () => {
  const { access, discard, flags, mr, run } = software([]);
  access(mr, 0, 2 * PAGE);
  run();
  discard(0);
  assertEquals([flags(mr, 0), flags(mr, 1)], ["", "valid write"]);
  const again = access(mr, 0, 2 * PAGE);
  run();
  assertEquals([again.error, again.faults], [null, 1]);
});

/** A property of every page fault: the requested byte is present afterwards. */
function progresses(mr: MemoryRegion, page: number): boolean {
  return mr.reach(START + page * PAGE, false) !== null;
}

Deno.test("odp_read_only_refault: a page that may only be read is asked for for ever (defects.md M3)", () => {
  for (const quirks of [[], ["odp_read_only_refault"]] satisfies QuirkName[][]) {
    const { access, mr, run } = software(quirks);
    const read = access(mr, 0, 1);
    const ran = run(300);
    const wrong = quirks.length === 1;
    assertEquals([read.done, ran], [!wrong, wrong ? 300 : 4]);
    assertEquals([read.faults, read.refaults], wrong ? [100, 99] : [1, 0]);
    assertEquals(progresses(mr, 0), !wrong);
    // The defect does not affect a writable page, because its permission value is not 0.
    const other = access(mr, 1, 1);
    run(40);
    assertEquals(other.done, true);
  }
});

Deno.test("a page fault that begins again has a second again on 7.3, and what is left of it on 7.2 (v7.3.md 5.6)", () => {
  const waited = (kernel: KernelProfile) => {
    const { access, machine, mm, region, run } = rig({ machine: { kernel } });
    const mr = region();
    const range = { start: START, end: virt(START + PAGE), blockable: true };
    const startNs = machine.clock.nowNs;
    const read = access(mr, 0, 1);
    run(1);
    // For half a second, the page table is being changed. Afterwards it can be read, but changes again
    // before the result is used.
    mm.beginChange(range, "asked");
    run(500);
    mm.notifiers.end(range.start, range.end);
    run(1);
    mm.migrate(START);
    run(1);
    mm.beginChange(range, "asked");
    run(5000);
    assertEquals([read.done, read.error], [true, "EBUSY"]);
    return (machine.clock.nowNs - startNs) / 1_000_000;
  };
  assertEquals([waited("7.2.12"), waited("7.3-rc7")], [1000, 1500]);
});
