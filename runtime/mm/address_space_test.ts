import { assert, assertEquals } from "@std/assert";
import { KIB, MIB, PAGE_SIZE_BYTES as PAGE, type VirtAddr } from "../address.ts";
import { testBench } from "../dma/testing.ts";
import { ERRNO } from "../errno.ts";
import { ArmedInjection, INJECTION } from "../injection.ts";
import type { KernelProfile } from "../kernels/behaviours.ts";
import { AddressSpace } from "./address_space.ts";
import { HUGE_ORDER } from "./process_pages.ts";
import { flagWords, HMM_PFN, HmmPfnList } from "./hmm_pfn_list.ts";
import type { ChangedRange, IntervalNotifier } from "./interval_notifier.ts";
import { hmmRangeFault } from "./range_fault.ts";

const at = (address: number) => address as VirtAddr;
const START = at(0x7f00_0000_0000);
const { DMA_MAPPED, VALID, WRITE } = HMM_PFN;

function process(pages = 4, order = 0) {
  const bench = testBench();
  const mm = new AddressSpace(bench.machine);
  mm.map({ start: START, sizeBytes: pages * PAGE, writable: true, order });
  const list = new HmmPfnList(pages);
  const fault = (wanted: number, notifier: IntervalNotifier | null = null, sequence = 0) =>
    hmmRangeFault(bench.machine, {
      mm,
      notifier,
      sequence,
      list,
      firstIndex: 0,
      start: START,
      pages,
      wanted,
    });
  return {
    ...bench,
    mm,
    list,
    fault,
    flags: () => Array.from({ length: pages }, (_, index) => flagWords(list.flags(index)).join()),
  };
}

/** A driver that records its notifications, and stops its device's use each time. */
function watch(mm: AddressSpace, start: VirtAddr = START, end = at(START + MIB), agrees = true) {
  const changes: ChangedRange[] = [];
  const notifier = mm.notifiers.insert(start, end, {
    invalidate: (own, range) => {
      changes.push(range);
      if (agrees) own.advance();
      return agrees;
    },
  });
  return { notifier, changes };
}

Deno.test("a look brings nothing in; a fault brings in what is not there, writable when asked (hmm-rdma-vfio.md 1.1)", () => {
  const { fault, fields, flags, mm } = process();
  mm.faultIn(START + PAGE, false);
  assertEquals(fault(0), 0);
  assertEquals(flags(), ["", "valid", "", ""]);
  assertEquals(fault(VALID), 0);
  assertEquals(flags(), ["valid", "valid", "valid", "valid"]);
  assertEquals(fault(VALID + WRITE), 0);
  assertEquals(flags(), Array(4).fill("valid,write"));
  assertEquals(fields("hmm.fault").map(({ brought_in }) => brought_in), [0, 3, 4]);
});

Deno.test("wishes that stand in the list count: where a page is missing, all behind it are brought in as it is wanted (hmm-rdma-vfio.md 1.1)", () => {
  const { fault, flags, list, machine, mm } = process();
  mm.faultIn(START, false);
  list.addFlags(1, VALID);
  list.addFlags(2, VALID + WRITE);
  const range = { mm, notifier: null, sequence: 0, list, firstIndex: 0, start: START, pages: 4 };
  assertEquals(hmmRangeFault(machine, { ...range, wanted: 0, wishes: VALID + WRITE }), 0);
  assertEquals(flags(), ["valid", "valid", "valid,write", "valid,write"]);
  assertEquals(fault(0), 0);
  assertEquals(flags(), ["valid", "valid", "valid,write", "valid,write"]);
});

Deno.test("a page that is upgraded keeps its mapping, one that went keeps only that (hmm-rdma-vfio.md 1.5)", () => {
  const { fault, flags, list, mm } = process();
  fault(VALID);
  list.addFlags(0, DMA_MAPPED);
  list.addFlags(1, DMA_MAPPED);
  mm.discard(at(START + PAGE), at(START + 2 * PAGE), true);
  fault(0);
  assertEquals(flags().slice(0, 2), ["valid,dma_mapped", "dma_mapped"]);
  fault(VALID + WRITE);
  assertEquals(flags()[0], "valid,write,dma_mapped");
});

Deno.test("a huge page comes as one, with the order in each of its entries (hmm-rdma-vfio.md 1.1)", () => {
  const { fault, list, mm } = process(512, HUGE_ORDER);
  assertEquals(fault(VALID + WRITE), 0);
  assertEquals([list.order(0), list.order(511)], [9, 9]);
  assertEquals(list.pfn(511), list.pfn(0) + 511);
  assertEquals(list.pfn(0) % 512, 0);
  mm.protect(at(START + PAGE), at(START + 2 * PAGE), "read");
  fault(0);
  assertEquals([list.order(0), list.order(511)], [0, 0]);
});

Deno.test("memory of small and huge pages goes back whole, by each way to free it (hmm-rdma-vfio.md 1.1)", () => {
  const end = at(START + 512 * PAGE);
  const ways: readonly ((mm: AddressSpace) => unknown)[] = [
    (mm) => mm.unmap(START, end),
    (mm) => mm.discard(START, end, true),
    (mm) => mm.exit(),
  ];
  for (const order of [0, HUGE_ORDER]) {
    for (const giveBack of ways) {
      const { machine, mm } = process(512, order);
      const before = machine.pages.takenBytes;
      for (let page = 0; page < 512; page += 2 ** order) mm.faultIn(START + page * PAGE, true);
      assertEquals(machine.pages.takenBytes - before, 512 * PAGE);
      giveBack(mm);
      assertEquals(machine.pages.takenBytes, before);
    }
  }
});

Deno.test("an area that moves takes its pages along; a part of one, or of two, does not (hmm-rdma-vfio.md 1.5)", () => {
  const { mm } = process(8);
  mm.faultIn(START + PAGE, true);
  const { phys } = mm.pageAt(START + PAGE)!;
  const { changes } = watch(mm);
  assertEquals(mm.remap(START, at(START + 9 * PAGE)), -ERRNO.EFAULT);
  assertEquals(mm.remap(at(START - PAGE), START), -ERRNO.EFAULT);
  assertEquals(changes, []);
  const to = mm.remap(START, at(START + 4 * PAGE));
  assertEquals(mm.pageAt(START + PAGE), null);
  assertEquals([mm.pageAt(to + PAGE)!.phys, mm.pageAt(to)], [phys, null]);
  assertEquals([mm.areaAt(START), mm.areaAt(START + 4 * PAGE)?.start], [null, START + 4 * PAGE]);
  assertEquals([mm.areaAt(to)?.start, mm.areaAt(to)?.end], [to, at(to + 4 * PAGE)]);
  assertEquals(mm.faultIn(START, true), -ERRNO.EFAULT);
  assertEquals(mm.faultIn(to + 3 * PAGE, true), 0);
});

Deno.test("a notifier runs before the page table changes, and the change takes place after it (hmm-rdma-vfio.md 1.5)", () => {
  const { mm } = process();
  mm.faultIn(START, true);
  const before = mm.pageAt(START)!.phys;
  let seen = -1;
  mm.notifiers.insert(START, at(START + PAGE), {
    invalidate: (own) => {
      seen = mm.pageAt(START)!.phys;
      own.advance();
      return true;
    },
  });
  assertEquals(mm.migrate(START), 0);
  assertEquals(seen, before);
  assert(mm.pageAt(START)!.phys !== before);
  assertEquals(mm.migrate(at(START + PAGE)), -ERRNO.ENOENT);
});

Deno.test("while a range changes, or after it has, a range fault is EBUSY (hmm-rdma-vfio.md 2.2)", () => {
  const { fault, fields, mm } = process();
  const { notifier } = watch(mm);
  const range = { start: START, end: at(START + PAGE), blockable: true };
  assert(mm.beginChange(range, "asked"));
  assertEquals(fault(VALID, notifier, notifier.readBegin()), -ERRNO.EBUSY);
  mm.notifiers.end(range.start, range.end);
  assertEquals(fault(VALID, notifier, notifier.sequence - 1), -ERRNO.EBUSY);
  assertEquals(fault(VALID, notifier, notifier.readBegin()), 0);
  assertEquals(fields("hmm.fault").map(({ result }) => result), ["EBUSY", "EBUSY", "OK"]);
});

Deno.test("areas do not overlap, are cut, and end with the process", () => {
  const { mm } = process(8);
  assertEquals(
    mm.map({ start: at(START + PAGE), sizeBytes: PAGE, writable: true, order: 0 }),
    -ERRNO.EEXIST,
  );
  mm.unmap(at(START + 2 * PAGE), at(START + 4 * PAGE));
  assertEquals(mm.areas.map(({ end, start }) => (end - start) / KIB), [8, 16]);
  mm.faultIn(START, true);
  mm.exit();
  assertEquals([mm.alive, mm.presentPages, mm.areas.length], [false, 0, 0]);
});

Deno.test("an area has whole pages of its order", () => {
  for (
    const [pages, order, areaPages] of [[3, 0, 3], [1, HUGE_ORDER, 512], [513, HUGE_ORDER, 1024]]
  ) {
    const { mm } = process(pages, order);
    assertEquals(mm.areas.map(({ end, start }) => (end - start) / PAGE), [areaPages]);
  }
});

Deno.test("no memory for a page is ENOMEM since 7.3, and EFAULT before; a read-only area is EPERM in all (v7.3.md 5.4)", () => {
  const ends = (kernel: KernelProfile) => {
    const bench = testBench({ machine: { kernel } });
    const mm = new AddressSpace(bench.machine);
    mm.map({ start: START, sizeBytes: PAGE, writable: true, order: 0 });
    mm.map({ start: at(START + PAGE), sizeBytes: PAGE, writable: false, order: 0 });
    const fault = (start: VirtAddr) =>
      hmmRangeFault(bench.machine, {
        mm,
        notifier: null,
        sequence: 0,
        list: new HmmPfnList(1),
        firstIndex: 0,
        start,
        pages: 1,
        wanted: VALID + WRITE,
      });
    bench.machine.armInjection(new ArmedInjection(INJECTION.alloc_pages, 1, 1));
    return [fault(START), fault(at(START + PAGE))];
  };
  assertEquals(ends("7.2.12"), [-ERRNO.EFAULT, -ERRNO.EPERM]);
  assertEquals(ends("7.3-rc7"), [-ERRNO.ENOMEM, -ERRNO.EPERM]);
});

Deno.test("a huge page moves as one, every page of it with its own bytes (hmm-rdma-vfio.md 1.5)", () => {
  const { machine, mm } = process(512, HUGE_ORDER);
  mm.faultIn(START, true);
  const before = mm.pageAt(START)!.phys;
  const taken = machine.pages.takenBytes;
  for (let page = 0; page < 512; page++) {
    const { phys } = mm.pageAt(START + page * PAGE)!;
    machine.memory.write(phys, new Uint8Array([page % 256, page >> 8, 0x5a]), 0, 3);
  }
  assertEquals(mm.migrate(at(START + 300 * PAGE + 5)), 0);
  const first = mm.pageAt(START)!.phys;
  assertEquals([first === before, first % (512 * PAGE)], [false, 0]);
  for (let page = 0; page < 512; page++) {
    const { order, phys } = mm.pageAt(START + page * PAGE)!;
    assertEquals([phys - first, order], [page * PAGE, HUGE_ORDER]);
    const bytes = new Uint8Array(3);
    machine.memory.read(phys, bytes, 0, 3);
    assertEquals([...bytes], [page % 256, page >> 8, 0x5a]);
  }
  assertEquals(machine.pages.takenBytes, taken);
  assert(!machine.pages.inUse(before));
});

Deno.test("the page frames of a huge page that was discarded are free, its neighbours' are not (hmm-rdma-vfio.md 5.6)", () => {
  const { machine, mm } = process(3 * 512, HUGE_ORDER);
  for (let huge = 0; huge < 3; huge++) mm.faultIn(START + huge * 512 * PAGE, true);
  const firsts = [0, 1, 2].map((huge) => mm.pageAt(START + huge * 512 * PAGE)!.phys);
  // The three huge pages are contiguous in memory, in any order.
  const [low, middle, high] = firsts.toSorted((a, b) => a - b);
  assertEquals([middle! - low!, high! - middle!], [2 * MIB, 2 * MIB]);
  const start = at(START + firsts.indexOf(middle!) * 512 * PAGE);
  mm.discard(start, at(start + 512 * PAGE), true);
  const found = Array.from({ length: 3 * 512 }, (_, page) => mm.frameOf(low! / PAGE + page)?.phys);
  const pages = (phys: number | undefined) => Array(512).fill(phys);
  assertEquals(found, [...pages(low), ...pages(undefined), ...pages(high)]);
  assertEquals([low!, middle!, high!].map((phys) => machine.pages.inUse(phys)), [
    true,
    false,
    true,
  ]);
});

Deno.test("what moves goes to free addresses, at a multiple of 2 MiB", () => {
  const { mm } = process(4);
  const places = [START as number];
  for (const pages of [1, 3, 512, 513, 1]) {
    const start = mm.map({ sizeBytes: pages * PAGE, writable: true, order: 0 }) as VirtAddr;
    const to = mm.remap(start, at(start + pages * PAGE)) as number;
    assertEquals([start % (2 * MIB), to % (2 * MIB)], [0, 0]);
    for (const place of places) assert(place + pages * PAGE <= start || start > place);
    assert(to >= start + pages * PAGE);
    assertEquals([mm.areaAt(to)?.start, mm.areaAt(to)?.end], [at(to), at(to + pages * PAGE)]);
    places.push(to);
  }
  // Each area is mapped at the end of the previous area, and is then moved to the end of the place
  // where it was mapped. Both start addresses of the area are rounded up to 2 MiB.
  const spans = places.slice(1).map((place) => (place - places[1]!) / (2 * MIB));
  assertEquals(spans, [0, 2, 4, 7, 10]);
});

Deno.test("a hole in a file takes its own pages, and leaves those before and behind it", () => {
  for (const kind of ["shared", "private_file"] as const) {
    const { machine, mm } = process(1);
    const before = machine.pages.takenBytes;
    const start = mm.map({ sizeBytes: 6 * PAGE, writable: true, order: 0, kind }) as VirtAddr;
    for (let page = 0; page < 6; page++) assertEquals(mm.faultIn(start + page * PAGE, true), 0);
    const frames = Array.from({ length: 6 }, (_, page) => mm.pageAt(start + page * PAGE)!.phys);
    const taken = machine.pages.takenBytes;
    if (kind === "shared") assertEquals(taken - before, 6 * PAGE);
    assertEquals(mm.punchHole(at(start + 2 * PAGE), at(start + 4 * PAGE)), 0);
    const left = frames.map((_, page) => mm.pageAt(start + page * PAGE)?.phys ?? null);
    assertEquals(left, frames.map((phys, page) => page === 2 || page === 3 ? null : phys), kind);
    // A page that only the file still contains is mapped again at the next access, with its old
    // contents.
    mm.discard(at(start), at(start + PAGE), true);
    mm.faultIn(start, false);
    if (kind === "shared") {
      assertEquals([mm.pageAt(start)!.phys, taken - machine.pages.takenBytes], [
        frames[0],
        2 * PAGE,
      ]);
    }
  }
});

Deno.test("a part of a file that moved shows the same pages of it, again and again", () => {
  for (const kind of ["shared", "private_file"] as const) {
    const { machine, mm } = process(1);
    const before = machine.pages.takenBytes;
    const start = mm.map({ sizeBytes: 6 * PAGE, writable: true, order: 0, kind }) as VirtAddr;
    const read = (virt: number) => {
      assertEquals(mm.faultIn(virt, false), 0);
      return mm.pageAt(virt)!.phys;
    };
    const frames = Array.from({ length: 6 }, (_, page) => read(start + page * PAGE));
    const once = mm.remap(at(start + 2 * PAGE), at(start + 5 * PAGE)) as VirtAddr;
    const twice = mm.remap(at(once + PAGE), at(once + 3 * PAGE)) as VirtAddr;
    assertEquals(mm.discard(at(start), at(twice + 2 * PAGE), true), 0);
    assertEquals(mm.presentPages, 0);
    const shown = [start, start + PAGE, once, twice, twice + PAGE, start + 5 * PAGE].map(read);
    assertEquals(shown, frames, kind);
    // Migrating a page and punching a hole use the page's current address.
    assertEquals(mm.migrate(twice), 0);
    const moved = mm.pageAt(twice)!.phys;
    assertEquals(mm.discard(twice, at(twice + PAGE), true), 0);
    assertEquals([read(twice), moved === frames[3]], [moved, false]);
    const taken = machine.pages.takenBytes;
    assertEquals(mm.punchHole(twice, at(twice + 2 * PAGE)), 0);
    assertEquals(taken - machine.pages.takenBytes, 2 * PAGE);
    mm.exit();
    assertEquals(machine.pages.takenBytes, before);
  }
});
