/**
 * Defects of past releases in the driver's mapping code. Each test shows by which means a defect is
 * found without a hint about its place.
 *
 * @see rules/defects.md, M1 to M12
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  ArmedInjection,
  type BioVec,
  GIB,
  INJECTION,
  type InjectionPointName,
  KernelError,
  MIB,
  ResourceTracker,
} from "@dmalab/runtime";
import type { QuirkName } from "@dmalab/runtime/kernels";
import { DriverRig, type DriverRigOptions, pages, usePeers, vec } from "../_driver_rig.ts";
import type { NvmeRequest } from "./request.ts";

/** A physical address that 32 address bits cannot reach. */
const HIGH = 0x1_4000_0000;
const LOW_MASK: DriverRigOptions = { device: { maskBits: 32 } };
const NOT_COHERENT: DriverRigOptions = { device: { coherent: false } };
const STRICT: DriverRigOptions = { iommu: { mode: "strict" } };

function rigWith(options: DriverRigOptions, ...quirks: QuirkName[]): DriverRig {
  return new DriverRig({
    ...options,
    machine: { ramSizeBytes: 8 * GIB, ...options.machine, quirks: new Set(quirks) },
  });
}

/** Pieces of one page each above 4 GiB, which are not adjacent. */
function highPages(count: number): BioVec[] {
  return Array.from({ length: count }, (_, index) => vec(HIGH + index * 0x2000, 4096));
}

/** Reads once, and lists allocations that were not freed. */
function leaksOfRead(rig: DriverRig, vecs: readonly BioVec[]): string[] {
  const held = new ResourceTracker(rig.machine);
  rig.read(vecs);
  held.stop();
  return held.leaks().map(({ amount, kind }) => `${kind} ${amount}`);
}

/** Reads while an injection point fails the first time; returns the status and the leaks. */
function leaksUnder(
  rig: DriverRig,
  vecs: readonly BioVec[],
  point: InjectionPointName,
): [status: string | null, ...leaks: string[]] {
  const fault = new ArmedInjection(INJECTION[point], 1, 1);
  rig.machine.armInjection(fault);
  const held = new ResourceTracker(rig.machine);
  const { status } = rig.read(vecs);
  held.stop();
  rig.machine.disarmFault(fault);
  assertEquals(fault.fired, 1);
  return [status, ...held.leaks().map(({ amount, kind }) => `${kind} ${amount}`)];
}

function reportsOf(rig: DriverRig, work: () => void): string[] {
  return rig.record(work, ["dma.report"]).map(({ fields }) => (fields as { class: string }).class);
}

// M1

Deno.test("unmap_rebuilt_from_prps: contiguous bounced pages are unmapped as one (defects.md M1)", () => {
  const unmaps = (quirks: QuirkName[]): [sizes: number[], reports: string[], slots: number] => {
    const rig = rigWith(LOW_MASK, ...quirks);
    const sizes: number[] = [];
    rig.machine.events.listen(({ fields }) => sizes.push((fields as { size: number }).size), [
      "call.dma_unmap_phys",
    ]);
    let request: NvmeRequest | undefined;
    const reports = reportsOf(rig, () => request = rig.read(highPages(4)));
    assertEquals(request!.unmappedBy, quirks.length === 0 ? "saved" : "from_prp");
    return [sizes, reports, rig.machine.swiotlb.usedSlots];
  };
  assertEquals(unmaps([]), [[4096, 4096, 4096, 4096], [], 0]);
  assertEquals(unmaps(["unmap_rebuilt_from_prps"]), [[16384], ["unmap_size"], 6]);
});

Deno.test("unmap_rebuilt_from_prps: pages that lie apart are unmapped one by one, each where it is (defects.md M1)", () => {
  const rig = rigWith(NOT_COHERENT, "unmap_rebuilt_from_prps");
  // Three runs: the end of a page, two whole pages, and the beginning of a page.
  const memory = [vec(0x1000_0e00, 0x200), vec(0x1001_0000, 0x2000), vec(0x1003_0000, 0x800)];
  const unmapped = rig.record(() => rig.read(memory), ["call.dma_unmap_phys"])
    .map(({ fields }) => fields as { dma: number; size: number });
  assertEquals(
    unmapped.map(({ dma, size }) => [dma, size]),
    memory.map(({ phys, sizeBytes }) => [phys as number, sizeBytes]),
  );
});

Deno.test("unmap_rebuilt_from_prps: lists of several pages are read to their ends, and links are no data (defects.md M1)", () => {
  for (const entries of [511, 512, 513, 1022, 1023]) {
    const rig = rigWith(NOT_COHERENT, "unmap_rebuilt_from_prps");
    // A page alone, so that the rest is a separate run.
    const memory = [vec(0x1000_0000, 0x1000), vec(0x2000_0000, entries * 4096)];
    const unmapped = rig.record(() => rig.read(memory), ["call.dma_unmap_phys"])
      .map(({ fields }) => fields as { dma: number; size: number });
    assertEquals(
      unmapped.map(({ dma, size }) => [dma, size]),
      memory.map(({ phys, sizeBytes }) => [phys as number, sizeBytes]),
      `${entries} entries`,
    );
  }
});

// M2

Deno.test("vectors_allocated_for_iova: each range costs an array of 4 KiB for ever (defects.md M2)", () => {
  assertEquals(leaksOfRead(rigWith(STRICT), pages(4)), []);
  const rig = rigWith(STRICT, "vectors_allocated_for_iova");
  assertEquals(leaksOfRead(rig, pages(4)), ["memory 4096"]);
  // One page needs no array. Without an IOVA range the array is freed.
  assertEquals(leaksOfRead(rig, pages(1)), []);
  assertEquals(leaksOfRead(rigWith(NOT_COHERENT, "vectors_allocated_for_iova"), pages(4)), []);
  // A block of 8 MiB is 64 requests of 128 KiB.
  const held = new ResourceTracker(rig.machine);
  rig.finish(rig.disk.submit("read", { buffer: { segments: [vec(0x1000_0000, 8 * MIB)] } }));
  assertEquals(held.leaks().map(({ amount }) => amount), [64 * 4096]);
});

// M7

Deno.test("half_linked_on_error: a sync that fails ends the same way, and nothing is missing (defects.md M7)", () => {
  const rig = rigWith(STRICT, "half_linked_on_error");
  assertEquals(leaksUnder(rig, pages(4), "dma_iova_sync"), ["IOERR"]);
});

// M8

// M9

Deno.test("sgl_unmap_args_swapped: bounced, the other slots are never freed, nor copied (defects.md M9)", () => {
  const gaps = Array.from({ length: 5 }, (_, index) => vec(HIGH + index * 0x2000, 1024));
  const rig = rigWith({ ...LOW_MASK, sgl: true }, "sgl_unmap_args_swapped");
  assertEquals(leaksOfRead(rig, gaps), Array(4).fill("bounce_slots 1"));
  const right = gaps.map((gap, index) => rig.holdsFreshData([gap], 2 * index));
  assertEquals(right, [true, false, false, false, false]);
});

Deno.test("sgl_unmap_args_swapped: a command without a list leaves no pointer to unmap by (defects.md M9)", () => {
  const quirks = ["sgl_unmap_args_swapped", "single_segment_by_iterator"] as const;
  const rig = rigWith({ ...NOT_COHERENT, sgl: true }, ...quirks);
  // Ten pages side by side are one data block, which stands in the command.
  const io = rig.disk.submit("read", { buffer: { segments: [vec(0x1000_0000, 40_960)] } });
  const error = assertThrows(() => rig.run(), KernelError);
  assertMatch(
    error.message,
    /null pointer in nvme_unmap_data.*request \d+ has no list of descriptors: EFAULT$/,
  );
  assertEquals(io.done, false);
});

// M10

Deno.test("need_unmap_flip_null_list: the first bounce inside a request finds no array (defects.md M10)", () => {
  const mixed = [vec(0x4100_0000, 4096), vec(0x4100_4000, 4096), ...highPages(2)];
  const sane = rigWith(LOW_MASK);
  assertEquals(sane.read(mixed).unmappedBy, "saved");
  assertEquals(sane.calls("dma_unmap_phys"), 2);
  assert(sane.holdsFreshData(mixed.slice(0, 2)));

  const rig = rigWith(LOW_MASK, "need_unmap_flip_null_list");
  const { context } = rig.machine.events;
  Object.assign(context, { cpu: 1, site: 17 });
  const io = rig.disk.submit("read", { buffer: { segments: mixed } });
  Object.assign(context, { cpu: 0, site: 23 });
  const error = assertThrows(() => rig.run(), KernelError);
  assertMatch(error.message, /null pointer in nvme_pci_setup_data_prp.*needed no array: EFAULT$/);
  assertEquals(io.done, false);
  // The null pointer ends the task. Then the context of the code that ran the task is restored.
  const { cpu, device, request, site } = context;
  assertEquals({ cpu, device, request, site }, { cpu: 0, device: null, request: null, site: 23 });
  // If the first segment is bounced already, the array is allocated in time.
  const bounced = rigWith(LOW_MASK, "need_unmap_flip_null_list");
  assertEquals(bounced.read(highPages(3)).unmappedBy, "saved");
});

// M11

Deno.test("vectors_leaked_p2p: bus addresses that need no unmap are saved, and lost (defects.md M11)", () => {
  const leaks = (quirks: QuirkName[], options: DriverRigOptions): string[] => {
    const rig = rigWith(options, ...quirks);
    usePeers(rig, "bus_addr");
    const { request, iod } = rig.request([vec(0x9000_0000, 4096), vec(0x9000_2000, 4096)]);
    const held = new ResourceTracker(rig.machine);
    rig.driver.prepare(iod, request);
    rig.driver.complete(iod, request);
    held.stop();
    assertEquals(request.unmappedBy, "bus");
    return held.leaks().map(({ amount, kind }) => `${kind} ${amount}`);
  };
  assertEquals(leaks([], STRICT), []);
  assertEquals(leaks(["vectors_leaked_p2p"], STRICT), ["memory 4096"]);
  // A coherent device without an IOMMU has nothing to save.
  assertEquals(leaks(["vectors_leaked_p2p"], {}), []);
});

// M12

Deno.test("first_mapping_leaked: leaked when the array or the list cannot be allocated, PRP and SGL (defects.md M12)", () => {
  const prp = (...quirks: QuirkName[]) =>
    leaksUnder(rigWith(LOW_MASK, ...quirks), highPages(3), "mempool_alloc");
  assertEquals(prp(), ["OK"]);
  assertEquals(prp("first_mapping_leaked"), ["OK", "bounce_slots 2"]);
  const gaps = Array.from({ length: 3 }, (_, index) => vec(HIGH + index * 0x2000, 1024));
  const sgl = (...quirks: QuirkName[]) =>
    leaksUnder(rigWith({ ...LOW_MASK, sgl: true }, ...quirks), gaps, "dma_pool_alloc");
  assertEquals(sgl(), ["OK"]);
  assertEquals(sgl("first_mapping_leaked"), ["OK", "bounce_slots 1"]);
});
