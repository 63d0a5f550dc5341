/**
 * Tests of the bytes that RDMA accesses move, and of the events of these accesses (hmm-rdma-vfio.md
 * chapter 2).
 */
import { assert, assertEquals } from "@std/assert";
import { ERRNO, Random } from "@dmalab/runtime";
import { MIB, PAGE, type RdmaRig, rig, START, virt } from "./_rig.ts";
import { TABLE_READ, TABLE_WRITE } from "./device_table.ts";
import { ImplicitRegion } from "./implicit_region.ts";
import { RdmaAccess } from "./page_fault.ts";

function implicit({ adapter, mm }: RdmaRig): ImplicitRegion {
  const all = adapter.registerImplicit({ mm, writable: true, huge: false, onDemand: true });
  assert(all instanceof ImplicitRegion);
  return all;
}

/** Reads or writes pages of a process at their physical addresses. */
function touch(bench: RdmaRig, at: number, bytes: Uint8Array, write: boolean): void {
  const { hostMemory } = bench.machine;
  for (let done = 0; done < bytes.length;) {
    const inPage = (at + done) % PAGE;
    const count = Math.min(PAGE - inPage, bytes.length - done);
    bench.mm.faultIn(virt(at + done - inPage), write);
    const { phys } = bench.mm.pageAt(virt(at + done - inPage))!;
    const from = phys + inPage as typeof phys;
    if (write) hostMemory.write(from, bytes, done, count);
    else hostMemory.read(from, bytes, done, count);
    done += count;
  }
}

for (const software of [false, true]) {
  for (const kind of ["of one's own", "of everything"] as const) {
    const says = `${software ? "software" : "a device"}, a region ${kind}`;
    Deno.test(`${says}: an access moves the process's bytes, whatever became of its pages (hmm-rdma-vfio.md 2.2, 2.3)`, () => {
      const bench = rig({ pages: 1024, software });
      // The accesses begin inside a page and cross the border of two children.
      const base = START + 2 * MIB - 6 * PAGE + 0x123;
      const sizeBytes = 12 * PAGE;
      const region = kind === "of everything"
        ? implicit(bench)
        : bench.region({ virt: virt(base), sizeBytes });
      const random = new Random(7);
      const model = new Uint8Array(sizeBytes);
      for (let step = 0; step < 60; step++) {
        const size = [1, 100, PAGE, PAGE + 1, 3 * PAGE][random.below(5)]!;
        const at = random.below(sizeBytes - size + 1);
        const bytes = Uint8Array.from({ length: size }, () => random.below(256));
        const where = `step ${step}`;
        switch (random.below(5)) {
          case 0:
            touch(bench, base + at, bytes, true);
            model.set(bytes, at);
            break;
          case 1: {
            const first = Math.ceil((base + at) / PAGE) * PAGE;
            const end = Math.min(first + PAGE, base + sizeBytes - PAGE);
            if (first >= end) break;
            bench.mm.discard(virt(first), virt(first + PAGE), true);
            model.fill(0, first - base, first - base + PAGE);
            break;
          }
          case 2:
            bench.mm.migrate(virt(base + at - (base + at) % PAGE));
            break;
          default: {
            const write = random.below(2) === 0;
            const access = new RdmaAccess(region, write, virt(base + at), bytes.slice());
            bench.adapter.submit(access);
            bench.run();
            assertEquals([access.done, access.error, access.doneBytes], [true, null, size], where);
            if (write) model.set(bytes, at);
            else assertEquals(access.bytes.join(), model.subarray(at, at + size).join(), where);
          }
        }
        bench.run();
      }
      const end = new Uint8Array(sizeBytes);
      touch(bench, base, end, false);
      assertEquals(end.findIndex((byte, at) => byte !== model[at]), -1);
      bench.adapter.deregister(region);
      assertEquals([bench.adapter.regions, bench.machine.iommu.liveMappings], [[], 0]);
    });
  }
}

Deno.test("odp.region has whole pages and the device, at registration and at release", () => {
  for (const software of [false, true]) {
    const { adapter, fields, machine, region, seen } = rig({ software });
    const pages = { region: "mr1", virt: START, size_bytes: 3 * PAGE };
    const made = region({ virt: virt(START + 0x800), sizeBytes: 2 * PAGE });
    assertEquals(fields("odp.region"), [{ ...pages, state: "registered" }]);
    adapter.deregister(made);
    assertEquals(fields("odp.region")[1], { ...pages, state: "released" });
    const devices = seen.filter(({ name }) => name === "odp.region").map(({ device }) => device);
    assertEquals([devices, machine.events.context.device], [["dev", "dev"], null]);
    made.release();
    assertEquals(fields("odp.region").length, 2, "it goes once");
  }
});

Deno.test("work for a device sets the context's device while it runs, and none afterwards", () => {
  const { access, discard, fault, machine, region, run } = rig();
  const mr = region();
  const { context } = machine.events;
  const says = () => context.device;
  fault(mr, 0, 4);
  assertEquals(says(), null);
  discard(0, 4);
  assertEquals(says(), null);
  access(mr, 0, PAGE);
  run();
  assertEquals(says(), null);
});

Deno.test("a page fault tells what is left of the access and for what, and its end how many pages came (hmm-rdma-vfio.md 2.2)", () => {
  const bench = rig({ pages: 1024 });
  const all = implicit(bench);
  bench.run();
  const submit = (write: boolean) => {
    bench.forget();
    const at = virt(START + 2 * MIB - PAGE - 16);
    const access = new RdmaAccess(all, write, at, new Uint8Array(PAGE + 100));
    bench.adapter.submit(access);
    bench.run();
    assertEquals(access.error, null);
    return at;
  };
  const at = submit(true);
  const left = PAGE + 100;
  assertEquals(bench.fields("odp.fault"), [
    { region: "mr1", virt: at, size_bytes: left, access: "write" },
    { region: "mr1", virt: virt(START + 2 * MIB), size_bytes: left - PAGE - 16, access: "write" },
  ]);
  assertEquals(bench.fields("odp.handled"), [
    { region: "mr1.1", virt: at, pages: 2, result: "OK" },
    { region: "mr1.2", virt: virt(START + 2 * MIB), pages: 1, result: "OK" },
  ]);
  assertEquals([all.statistics.faults, all.statistics.faultsHandled], [3, 2]);
  bench.discard(510, 3);
  bench.run();
  submit(false);
  assertEquals(bench.fields("odp.fault").map(({ access }) => access), ["read", "read"]);
  // The empty children were destroyed, and the new ones have new names.
  assertEquals(bench.fields("odp.handled").map(({ region }) => region), ["mr1.3", "mr1.4"]);
  bench.forget();
  bench.mm.unmap(START, virt(START + 1024 * PAGE));
  bench.run();
  const gone = new RdmaAccess(all, false, START, new Uint8Array(1));
  bench.adapter.submit(gone);
  bench.run();
  assertEquals(gone.error, "EFAULT");
  assertEquals(bench.fields("odp.handled").map(({ pages, result }) => [pages, result]), [
    [0, "EFAULT"],
  ]);
});

Deno.test("regions have numbers in their order, a refused one has none, and each goes by itself", () => {
  const bench = rig({ pages: 1024 });
  const { adapter, region, register } = bench;
  const names = (regions: readonly { readonly name: string }[]) => regions.map(({ name }) => name);
  const first = region();
  assertEquals(register({ virt: virt(START), sizeBytes: 0 }) as number < 0, true);
  const all = implicit(bench);
  const third = region();
  adapter.prefetch(all, START, PAGE, true, false);
  adapter.prefetch(all, virt(START + 2 * MIB), PAGE, true, false);
  assertEquals(names(adapter.regions), ["mr1", "mr2", "mr3"]);
  assertEquals(names(adapter.pagedRegions), ["mr1", "mr2.1", "mr2.2", "mr3"]);
  adapter.deregister(all);
  assertEquals(names(adapter.regions), ["mr1", "mr3"]);
  adapter.deregister(all);
  assertEquals(names(adapter.regions), ["mr1", "mr3"], "it is gone");
  adapter.deregister(third);
  assertEquals(names(adapter.regions), ["mr1"]);
  assertEquals(names([region()]), ["mr4"]);
  adapter.deregister(first);
  assertEquals(names(adapter.regions), ["mr4"]);
});

Deno.test("a child on its way out is among the paged regions until it is gone", () => {
  const bench = rig({ pages: 1024 });
  const { adapter } = bench;
  const all = implicit(bench);
  adapter.prefetch(all, START, PAGE, true, false);
  bench.discard(0);
  const names = () => adapter.pagedRegions.map(({ name }) => name);
  assertEquals([all.children.length, names()], [0, ["mr1.1"]]);
  bench.run();
  assertEquals(names(), []);
});

Deno.test("a region's own work leaves no device in the context", () => {
  const { adapter, machine, region } = rig();
  const mr = region();
  const { context } = machine.events;
  const fault = adapter.pageFault(mr, START, PAGE);
  assert(typeof fault !== "number");
  assertEquals([fault.mappedEntries, fault.run(), fault.mappedEntries], [0, 1, 1]);
  assertEquals(context.device, null);
  mr.release();
  assertEquals(context.device, null);
});

Deno.test("a page fault of a region that is gone is EFAULT at every step", () => {
  for (const steps of [0, 1, 2]) {
    const { adapter, region } = rig();
    const mr = region();
    const fault = adapter.pageFault(mr, START, PAGE);
    assert(typeof fault !== "number");
    const results = [() => fault.begin(), () => fault.readPages(), () => fault.map()];
    for (const step of results.slice(0, steps)) assertEquals(step(), 0);
    mr.release();
    assertEquals(results[steps]!(), -ERRNO.EFAULT);
  }
});

Deno.test("a page fault of no bytes, or of all memory after its end, is EFAULT", () => {
  const bench = rig();
  const { adapter } = bench;
  const all = implicit(bench);
  assertEquals(adapter.pageFault(all, START, 0), -ERRNO.EFAULT);
  const fault = adapter.pageFault(all, START, 2 * PAGE);
  assert(typeof fault !== "number");
  assertEquals([fault.run(), fault.mappedEntries], [2, 2]);
  adapter.deregister(all);
  assertEquals(adapter.pageFault(all, START, PAGE), -ERRNO.EFAULT);
});

Deno.test("an access that has ended has no page fault, however it ended", () => {
  const { access, adapter, region, run } = rig();
  const mr = region();
  const read = access(mr, 0, 1);
  run(1);
  assert(read.fault !== null);
  adapter.deregister(mr);
  run();
  assertEquals([read.error, read.fault], ["EACCES", null]);
});

Deno.test("a block is written with what is there, and the block behind it is left alone (hmm-rdma-vfio.md 2.2)", () => {
  const { fault, fields, forget, region } = rig({ pages: 40 });
  const mr = region();
  fault(mr, 8);
  fault(mr, 1);
  const table = mr.table!;
  const access = Array.from({ length: 40 }, (_, index) => table.access(index));
  const both = TABLE_READ | TABLE_WRITE;
  assertEquals(access, Array.from({ length: 40 }, (_, index) => [1, 8].includes(index) ? both : 0));
  // The address of an entry without access is 0.
  for (const [index, can] of access.entries()) {
    if (can === 0) assertEquals(table.address(index) as number, 0);
  }
  forget();
  fault(mr, 16, 16);
  const [written] = fields("odp.table");
  const at = virt(START + 16 * PAGE);
  assertEquals(written, {
    region: "mr1",
    index: 16,
    entries: 16,
    valid: 16,
    virt: at,
    size_bytes: 16 * PAGE,
    runs: [[at, table.address(16), 16 * PAGE, "read_write"]],
  });
});

Deno.test("an invalidation tells the range, what left the table, and what left the IOMMU's (hmm-rdma-vfio.md 2.3)", () => {
  /**
   * The number of entries removed from the device's table, the number removed from the IOMMU's
   * table, the remaining pages, and the counter `invalidations`.
   */
  const lost = (software: boolean, pages: readonly number[], first: number, count: number) => {
    const { discard, fault, fields, forget, region } = rig({ pages: 40, software });
    const mr = region();
    for (const page of pages) fault(mr, page);
    forget();
    discard(first, count);
    const events = fields("odp.invalidate");
    const [{ unmapped, zapped, ...event }] = [events[0]!];
    assertEquals([events.length, event], [1, {
      region: "mr1",
      virt: virt(START + first * PAGE),
      size_bytes: count * PAGE,
    }]);
    const left = Array.from(
      { length: 40 },
      (_, index) => mr.umem.pages.access(index) !== 0 ? index : -1,
    )
      .filter((index) => index >= 0);
    const inTable = left.filter((index) => mr.table === null || mr.table.access(index) !== 0);
    assertEquals(inTable, left, "the table has what the list has");
    return [zapped, unmapped, left, mr.statistics.invalidations];
  };
  const pages = [0, 1, 2, 9, 20];
  // A software device has no table, so no entry is removed from it.
  assertEquals(lost(true, pages, 0, 3), [0, 3, [9, 20], 3]);
  assertEquals(lost(true, pages, 2, 1), [0, 1, [0, 1, 9, 20], 1]);
  assertEquals(lost(true, pages, 2, 8), [0, 2, [0, 1, 20], 2]);
  // A run of used entries is counted up to the end of its block or of the range, unused entries
  // included.
  assertEquals(lost(false, pages, 0, 3), [3, 3, [9, 20], 3]);
  assertEquals(lost(false, pages, 2, 1), [1, 1, [0, 1, 9, 20], 1]);
  assertEquals(lost(false, pages, 9, 1), [1, 1, [0, 1, 2, 20], 1]);
  assertEquals(lost(false, pages, 1, 39), [7 + 7 + 4, 4, [0], 8 + 8 + 5]);
});

Deno.test("pages of a region leave the device's table before they are unmapped (hmm-rdma-vfio.md 2.5)", () => {
  const { fault, region } = rig();
  const mr = region();
  fault(mr, 0, 16);
  const table = mr.table!;
  mr.release();
  assertEquals(
    Array.from({ length: 16 }, (_, index) => table.access(index)),
    new Array(16).fill(0),
  );
});

Deno.test("an adapter is software where nothing does its DMA", () => {
  assertEquals([true, false].map((software) => rig({ software }).adapter.software), [true, false]);
});
