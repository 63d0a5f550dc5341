import { assert, assertEquals, assertThrows } from "@std/assert";
import { type DmaAddr, ERRNO, type EventFields, KernelError, KIB } from "@dmalab/runtime";
import type { QuirkName } from "@dmalab/runtime/kernels";
import { MIB, PAGE, rig, START, virt } from "./_rig.ts";
import { TABLE_READ, TABLE_WRITE } from "./device_table.ts";
import { PageFault } from "./page_fault.ts";

/** The event fields for the update of one block of eight entries. */
function block(index: number, valid: number, runs: EventFields<"odp.table">["runs"] = []) {
  const at = virt(START + index * PAGE);
  return { region: "mr1", index, entries: 8, valid, virt: at, size_bytes: 8 * PAGE, runs };
}

Deno.test("a region of 1 MiB that begins inside a page has 257 entries, and a range for all of them (hmm-rdma-vfio.md 2.1, assertion 1)", () => {
  const { fields, region } = rig({ pages: 512 });
  const { umem } = region({ virt: virt(START + 0x800), sizeBytes: MIB });
  assertEquals([umem.start, umem.end], [START, virt(0x7f00_0010_1000)]);
  assertEquals(umem.entries, 257);
  assertEquals(fields("call.dma_iova_try_alloc"), [{ dev: "dev", phys: 0, size: 1052672 }]);
});

Deno.test("a fault on one page writes a block of eight entries, of which one is valid (hmm-rdma-vfio.md 2.2, assertion 2)", () => {
  const { count, fault, fields, region } = rig();
  const mr = region();
  assertEquals(fault(mr, 9), 1);
  const dma = mr.table!.address(9);
  const run = [virt(START + 9 * PAGE), dma, PAGE, "read_write"] as const;
  assertEquals(fields("odp.table"), [block(8, 1, [run])]);
  assertEquals(
    [count("call.dma_iova_link"), count("call.dma_iova_sync"), count("iova.alloc")],
    [1, 1, 1],
  );
  assertEquals(mr.umem.npages, 1);
  assertEquals([mr.table!.access(9), mr.table!.access(10)], [TABLE_READ | TABLE_WRITE, 0]);
  assertEquals(mr.table!.address(9), mr.umem.pages.map!.state.addr + 9 * PAGE as DmaAddr);
});

Deno.test("its neighbour is written again with it, and npages drifts (hmm-rdma-vfio.md 2.2, assertion 3)", () => {
  const { count, fault, fields, region } = rig();
  const mr = region();
  fault(mr, 9);
  fault(mr, 10);
  const run = [virt(START + 9 * PAGE), mr.table!.address(9), 2 * PAGE, "read_write"] as const;
  assertEquals(fields("odp.table")[1], block(8, 2, [run]));
  assertEquals(count("call.dma_iova_link"), 2);
  assertEquals(mr.umem.npages, 3);
});

Deno.test("a run that ends at a block is zapped to there, and counted one longer (hmm-rdma-vfio.md 2.3, assertion 4)", () => {
  const { count, discard, fault, fields, forget, region } = rig();
  const mr = region();
  fault(mr, 0, 4);
  forget();
  discard(0, 16);
  assertEquals(fields("odp.table"), [block(0, 0)]);
  const { invalidations, invalidationsHandled } = mr.statistics;
  assertEquals([invalidations, invalidationsHandled], [9, 1]);
  assertEquals([count("call.dma_iova_unlink"), count("iotlb.sync")], [4, 4]);
  assertEquals([count("call.hmm_dma_unmap_pfn"), mr.umem.npages], [4, 0]);
});

Deno.test("a run that ends with the range is counted right (hmm-rdma-vfio.md 2.3, assertion 5)", () => {
  const { discard, fault, fields, forget, region } = rig();
  const mr = region();
  fault(mr, 0, 4);
  forget();
  discard(0, 8);
  assertEquals(fields("odp.table"), [block(0, 0)]);
  assertEquals(mr.statistics.invalidations, 8);
});

Deno.test("each run that closes inside the range is counted one too long (hmm-rdma-vfio.md ch. 4, case 5)", () => {
  const { discard, fault, region } = rig({ pages: 32 });
  const mr = region();
  fault(mr, 0);
  fault(mr, 16);
  discard(0, 32);
  // Two runs of eight entries, in one invalidation. Each run is counted as nine entries, because an
  // entry of the next block ends it.
  assertEquals([mr.statistics.invalidations, mr.statistics.invalidationsHandled], [18, 1]);
});

Deno.test("a lock whose holder is gone is waited for without an end, and the kernel says so", () => {
  const { fields, region } = rig();
  const { umem } = region();
  umem.lock("one");
  const error = assertThrows(() => umem.lock("other"), KernelError);
  const what = "other() waits for ever for the lock of a region: its holder is gone";
  assertEquals([error.errno, error.message], ["ETIMEDOUT", `${what}: ETIMEDOUT`]);
  assertEquals(fields("kernel.warn"), [{ at: "mutex_lock", text: what, log: null, error: null }]);
  umem.unlock();
  umem.lock("third");
});

Deno.test("software forgets the pages that it knows, and counts each (hmm-rdma-vfio.md 2.3)", () => {
  const { discard, fault, fields, forget, region } = rig({ software: true });
  const mr = region();
  fault(mr, 0, 3);
  forget();
  discard(0, 8);
  assertEquals([mr.statistics.invalidations, mr.statistics.invalidationsHandled], [3, 1]);
  assertEquals([fields("odp.table"), mr.umem.npages], [[], 0]);
});

Deno.test("a page that may be written is marked dirty once, one that may only be read is not (hmm-rdma-vfio.md 2.3, assertion 6)", () => {
  const { adapter, discard, fault, fields, mm, region } = rig();
  const mr = region();
  fault(mr, 0);
  const { phys } = mm.pageAt(START)!;
  mm.faultIn(virt(START + 8 * PAGE), false);
  adapter.prefetch(mr, virt(START + 8 * PAGE), PAGE, true, true);
  assertEquals(mr.table!.access(8), TABLE_READ);
  assertEquals(fields("odp.table").at(-1)!.runs[0]![3], "read");
  const frames = [phys, mm.pageAt(virt(START + 8 * PAGE))!.phys].map((at) =>
    mm.frameOf(at / PAGE)!
  );
  assertEquals(frames.map(({ dirty }) => dirty), [false, false]);
  discard(0, 16);
  assertEquals(fields("odp.dirty"), [{ region: "mr1", phys }]);
  assertEquals(frames.map(({ dirty }) => dirty), [true, false]);
});

Deno.test("the device's table goes first, then the IOMMU's, then the page (hmm-rdma-vfio.md 2.3)", () => {
  const { discard, fault, forget, names, region } = rig();
  const mr = region();
  fault(mr, 3);
  forget();
  discard(3);
  assertEquals(
    names("hmm.invalidate", "odp.table", "iommu.unmap", "iotlb.sync", "odp.invalidate"),
    ["hmm.invalidate", "odp.table", "iommu.unmap", "iotlb.sync", "odp.invalidate"],
  );
});

Deno.test("a page that moves between reading and mapping is read again, and never mapped where it was (hmm-rdma-vfio.md 2.2, assertion 7)", () => {
  const { fields, machine, mm, region } = rig();
  const mr = region();
  mm.faultIn(START, true);
  const before = mm.pageAt(START)!.phys;
  const request = { virt: START, sizeBytes: PAGE, fault: true, downgrade: false };
  const none = new PageFault(machine, mr, { ...request, sizeBytes: 0 });
  assertEquals(none.begin(), -ERRNO.EFAULT);
  const fault = new PageFault(machine, mr, request);
  assertEquals([fault.begin(), fault.readPages()], [0, 0]);
  mm.migrate(START);
  assertEquals(fault.map(), "again");
  assertEquals(fields("odp.retry"), [{ region: "mr1", cause: "sequence" }]);
  assertEquals([fault.begin(), fault.readPages(), fault.map()], [0, 0, 0]);
  const links = fields("call.dma_iova_link") as unknown as { phys: number }[];
  assertEquals(links.map(({ phys }) => phys), [mm.pageAt(START)!.phys]);
  assert(links[0]!.phys !== before);
});

Deno.test("a page of a peer out of reach is EFAULT; what stands before it stays mapped (hmm-rdma-vfio.md 2.2, assertion 8)", () => {
  const { adapter, discard, flags, machine, mm, region } = rig({ pages: 4 });
  const peer = 0x7000_0000;
  machine.peers = {
    unmappedEnd: () => -1,
    isPeerMemory: (phys) => phys >= peer,
    providerAt: (phys) => phys >= peer ? "peer" : null,
    mapType: () => "not_supported",
    busAddress: (phys) => phys as number as DmaAddr,
    resolveBusAddress: () => -1,
    passesRoot: () => true,
  };
  // The peer's memory is not RAM but MMIO in a window.
  const { kindAt } = machine.memory;
  machine.memory.kindAt = (phys) => phys >= peer ? "mmio" : kindAt.call(machine.memory, phys);
  mm.unmap(virt(START + 2 * PAGE), virt(START + 3 * PAGE));
  mm.map({
    start: virt(START + 2 * PAGE),
    sizeBytes: PAGE,
    writable: true,
    order: 0,
    pages: [peer as never],
  });
  const mr = region();
  assertEquals(adapter.prefetch(mr, START, 4 * PAGE, true, false), -ERRNO.EFAULT);
  assertEquals([0, 1, 2, 3].map((index) => flags(mr, index)), [
    "valid write dma_mapped",
    "valid write dma_mapped",
    "valid write",
    "valid write",
  ]);
  assertEquals(mr.table!.access(0), 0, "the update never reached the device");
  assertEquals(mr.umem.locked, false);
  discard(0, 2);
  assertEquals([flags(mr, 0), mr.umem.npages], ["", 0]);
  mr.release();
  assertEquals([mr.released, mr.umem.locked], [true, false]);
  assertEquals(machine.iommu.liveMappings, 0);
});

Deno.test("after two faults in one block and their invalidation a region is never empty again (hmm-rdma-vfio.md ch. 4, case 1)", () => {
  const { count, discard, fault, forget, region } = rig();
  const mr = region();
  fault(mr, 9);
  fault(mr, 10);
  discard(9, 2);
  assertEquals(mr.umem.npages, 1);
  forget();
  discard(0, 16);
  assertEquals(count("odp.invalidate"), 1, "the early way out is not taken");
});

Deno.test("an empty region has nothing to take back (hmm-rdma-vfio.md 2.3)", () => {
  const { count, discard, region } = rig();
  const mr = region();
  discard(0, 16);
  assertEquals([count("odp.invalidate"), mr.statistics.invalidationsHandled], [0, 0]);
  assertEquals(mr.umem.notifier!.sequence, 1);
});

Deno.test("a change that cannot wait is refused (hmm-rdma-vfio.md 2.3)", () => {
  const { fault, flags, mm, region } = rig();
  const mr = region();
  fault(mr, 0);
  assertEquals(mm.discard(START, virt(START + PAGE), false), -ERRNO.EAGAIN);
  assertEquals(flags(mr, 0), "valid write dma_mapped");
});

Deno.test("release unmaps everything and frees the range once (hmm-rdma-vfio.md 2.5)", () => {
  const { count, fault, machine, mm, region } = rig();
  const mr = region();
  fault(mr, 0, 16);
  mr.release();
  assertEquals([mr.released, mr.umem.locked], [true, false]);
  assertEquals([count("call.dma_iova_unlink"), count("iova.free")], [16, 1]);
  assertEquals([mm.notifiers.count, machine.iommu.liveMappings], [0, 0]);
});

Deno.test("the table is written in updates as large as their buffer (hmm-rdma-vfio.md 2.2)", () => {
  const { fault, fields, region } = rig({ pages: 64, updateBytes: 128 });
  const mr = region();
  assertEquals(fault(mr, 3, 40), 40);
  assertEquals(fields("odp.table").map(({ entries, index, valid }) => [index, entries, valid]), [
    [0, 16, 13],
    [16, 16, 16],
    [32, 16, 11],
  ]);
});

Deno.test("huge entries: the second one is linked to the page behind the first one's start (hmm-rdma-vfio.md ch. 4, case 2)", () => {
  const { fault, fields, mm, region } = rig({ pages: 1024, huge: true });
  const mr = region();
  assertEquals([mr.umem.pageBytes, mr.umem.entries], [2 * MIB, 2]);
  fault(mr, 0, 1024);
  const first = mm.pageAt(START)!.phys;
  const second = mm.pageAt(START + 2 * MIB)!.phys;
  const links = fields("call.dma_iova_link") as unknown as { phys: number; size: number }[];
  assertEquals(links.map(({ phys, size }) => [phys, size]), [
    [first, 2 * MIB],
    [first + 4 * KIB, 2 * MIB],
  ]);
  assert(second !== first + 4 * KIB);
});

Deno.test("huge entries: pages that the CPU maps smaller are refused (hmm-rdma-vfio.md 2.2)", () => {
  for (const entry of [0, 1]) {
    const { adapter, mm, region } = rig({ pages: 1024, huge: true });
    const mr = region();
    const at = START + entry * 2 * MIB;
    mm.faultIn(virt(at), true);
    mm.protect(virt(at + PAGE), virt(at + 2 * PAGE), "read");
    mm.protect(virt(at + PAGE), virt(at + 2 * PAGE), "write");
    const mapped = adapter.prefetch(mr, virt(at), PAGE, true, false);
    assertEquals([mapped, mr.umem.locked], [-ERRNO.EINVAL, false]);
  }
});

Deno.test("what cannot be registered is said by name, and leaves nothing behind (hmm-rdma-vfio.md 2.1)", () => {
  const { adapter, failing, machine, mm, register } = rig();
  assertEquals(register({ virt: virt(2 ** 53 - 4096) }), -ERRNO.EOVERFLOW);
  assertEquals(register({ virt: virt(2 ** 53 - 4096), sizeBytes: 4096 }), -ERRNO.EOVERFLOW);
  assertEquals(register({ onDemand: false }), -ERRNO.EINVAL);
  assertEquals(register({ sizeBytes: 0 }), -ERRNO.EINVAL);
  assertEquals(failing("mmu_interval_notifier_insert", register), -ERRNO.ENOMEM);
  const implicit = { mm, writable: true, huge: true, onDemand: true };
  assertEquals(adapter.registerImplicit(implicit), -ERRNO.EINVAL);
  assertEquals([mm.notifiers.count, machine.iommu.liveMappings], [0, 0]);
  const { register: direct } = rig({ iommu: { mode: "off" }, device: { coherent: false } });
  assertEquals(direct(), -ERRNO.EOPNOTSUPP);
});

Deno.test("outside of the region is EFAULT, a process that is gone EINVAL (hmm-rdma-vfio.md 2.2)", () => {
  const { adapter, fault, mm, region } = rig();
  const mr = region({ sizeBytes: 4 * PAGE });
  assertEquals(fault(mr, 4), -ERRNO.EFAULT);
  assertEquals(adapter.prefetch(mr, virt(START - PAGE), PAGE, true, false), -ERRNO.EFAULT);
  fault(mr, 0);
  mm.exit();
  assertEquals(mr.umem.npages, 0);
  assertEquals(fault(mr, 0), -ERRNO.EINVAL);
});

Deno.test("a page table that keeps changing is tried for a second (hmm-rdma-vfio.md 2.2)", () => {
  const { fault, fields, machine, mm, region } = rig();
  const mr = region();
  const end = virt(START + PAGE);
  mm.beginChange({ start: START, end, blockable: true }, "asked");
  const before = machine.clock.nowNs;
  assertEquals(fault(mr, 0), -ERRNO.EBUSY);
  assertEquals(machine.clock.nowNs - before, 1_000_000_000);
  assertEquals(fields("odp.retry").length, 1001);
  mm.notifiers.end(START, end);
  assertEquals(fault(mr, 0), 1);
});

Deno.test("odp_populate_error_exit: who cannot fill the table leaves the region locked for ever (defects.md M13)", () => {
  for (const quirks of [[], ["odp_populate_error_exit"]] satisfies QuirkName[][]) {
    const { failing, fault, mm, region } = rig({ quirks });
    const mr = region();
    fault(mr, 8);
    assertEquals(failing("dma_iova_link", () => fault(mr, 0)), -ERRNO.EFAULT);
    assertEquals(mr.umem.locked, quirks.length === 1);
    const discardPage = () => mm.discard(virt(START + 8 * PAGE), virt(START + 9 * PAGE), true);
    if (quirks.length === 0) assertEquals(discardPage(), 0);
    else assertThrows(discardPage, KernelError, "its holder is gone");
  }
});

Deno.test("each invalidation tells what it was counted as, whatever was taken back before (hmm-rdma-vfio.md 2.3)", () => {
  const { discard, fault, machine, region } = rig();
  const mr = region();
  const seen: unknown[] = [];
  machine.events.listen((event) => {
    if (event.name === "odp.invalidate") {
      seen.push([event.why?.inputs.counted, event.fields.unmapped]);
    }
  });
  // A run that ends at the end of its block is counted as one entry longer.
  fault(mr, 0, 4);
  discard(0, 16);
  assertEquals(mr.statistics.invalidations, 9);
  fault(mr, 0, 2);
  discard(0, 16);
  assertEquals(mr.statistics.invalidations, 18);
  assertEquals(seen, [[9, 4], [9, 2]]);
});
