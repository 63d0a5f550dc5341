/**
 * Tests a process's memory together with real page-wise maps. The tests repeat the observations in
 * the rows of hmm-rdma-vfio.md ch. 5.
 */
import { assert, assertEquals } from "@std/assert";
import { GIB, MIB, PAGE_SIZE_BYTES as PAGE, type PhysAddr, type VirtAddr } from "../address.ts";
import { peerMemo } from "../dma/paths/scatterlist_peer.ts";
import { testBench } from "../dma/testing.ts";
import { ERRNO } from "../errno.ts";
import { AddressSpace, type AreaRequest } from "./address_space.ts";
import {
  type HmmDmaMap,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
} from "./hmm_dma_map.ts";
import { flagWords, HMM_PFN } from "./hmm_pfn_list.ts";
import type { IntervalNotifier, NotifierEvent } from "./interval_notifier.ts";
import { ArmedInjection, INJECTION } from "../injection.ts";
import { HUGE_ORDER } from "./process_pages.ts";
import { hmmRangeFault } from "./range_fault.ts";

const START = 0x7f00_0000_0000 as VirtAddr;
const { DMA_MAPPED, VALID, WRITE } = HMM_PFN;

/** A callback: first page, end, kind of the change. */
type Callback = readonly [first: number, end: number, event: NotifierEvent | undefined];

/**
 * A process with one area of its memory mapped for a device, and the callbacks of the device's
 * driver.
 */
function shared(pages: number, area: Partial<AreaRequest> = {}) {
  const bench = testBench();
  const { dev, machine } = bench;
  const mm = new AddressSpace(machine);
  mm.map({ start: START, sizeBytes: pages * PAGE, writable: true, order: 0, ...area });
  const map = hmmDmaMapAlloc(machine, dev, pages, PAGE) as HmmDmaMap;
  const callbacks: Callback[] = [];
  const notifier: IntervalNotifier = mm.notifiers.insert(START, page(pages), {
    invalidate: (own, { end, event, start }) => {
      own.advance();
      callbacks.push([(start - START) / PAGE, (end - START) / PAGE, event]);
      return true;
    },
  });
  const fault = (wanted: number, first = 0, count = pages, wishes = 0) =>
    hmmRangeFault(machine, {
      mm,
      notifier,
      sequence: notifier.readBegin(),
      list: map.pfns,
      firstIndex: first,
      start: page(first),
      pages: count,
      wanted,
      wishes,
    });
  return {
    ...bench,
    mm,
    map,
    fault,
    flags: (index: number) => flagWords(map.pfns.flags(index)).join(),
    mapPfn: (index: number) => hmmDmaMapPfn(machine, dev, map, index, peerMemo(machine)),
    /** The callbacks since the last call of this function. */
    callbacks: () => callbacks.splice(0),
    write: (first: number, count = 1) => {
      for (let index = first; index < first + count; index++) mm.faultIn(page(index), true);
    },
  };
}

function page(index: number): VirtAddr {
  return START + index * PAGE as VirtAddr;
}

Deno.test("a fault over a hole, or an area without access, is EFAULT; the entries before it are written (hmm-rdma-vfio.md 5.1)", () => {
  const { fault, flags, mm } = shared(8);
  mm.unmap(page(3), page(5));
  assertEquals(fault(VALID), -ERRNO.EFAULT);
  assertEquals([0, 1, 2, 3].map(flags), ["valid", "valid", "valid", ""]);
  mm.protect(page(6), page(7), "none");
  assertEquals(fault(VALID, 5, 3), -ERRNO.EFAULT);
  assertEquals([flags(5), flags(6)], ["valid", ""]);
});

Deno.test("a write asked for where only reading is allowed is EPERM (hmm-rdma-vfio.md 5.2)", () => {
  const { fault, flags, mm } = shared(4);
  mm.protect(page(2), page(4), "read");
  assertEquals(fault(VALID + WRITE), -ERRNO.EPERM);
  assertEquals([1, 2].map(flags), ["valid,write", ""]);
});

Deno.test("a look at a hole succeeds: each entry is an error, and keeps its mapping (hmm-rdma-vfio.md 5.3)", () => {
  const { fault, flags, map, mapPfn, mm } = shared(4);
  fault(VALID + WRITE);
  mapPfn(1);
  mm.unmap(page(1), page(2));
  mm.protect(page(3), page(4), "none");
  assertEquals(fault(0), 0);
  assertEquals([0, 1, 2, 3].map(flags), [
    "valid,write",
    "error,dma_mapped",
    "valid,write",
    "error",
  ]);
  assertEquals(map.pfns.pfn(1), 0);
});

Deno.test("pages that were only read are one page of zeroes; the first write brings a frame and tells of it (hmm-rdma-vfio.md 5.4)", () => {
  const { fault, flags, map, mm, callbacks, write } = shared(4);
  fault(VALID);
  const frames = new Set([0, 1, 2, 3].map((index) => map.pfns.pfn(index)));
  assertEquals([frames.size, flags(2), mm.presentPages], [1, "valid", 4]);
  write(1, 2);
  assertEquals(callbacks(), [[1, 2, "clear"], [2, 3, "clear"]]);
  assertEquals(fault(0), 0);
  assertEquals([0, 1, 2, 3].map(flags), ["valid", "valid,write", "valid,write", "valid"]);
  assert(!frames.has(map.pfns.pfn(1)) && map.pfns.pfn(1) !== map.pfns.pfn(2));
  assertEquals(fault(VALID + WRITE), -ERRNO.EBUSY, "the fault itself changed what it reads");
  assertEquals(callbacks(), [[0, 1, "clear"], [3, 4, "clear"]]);
  assertEquals(fault(VALID + WRITE), 0);
});

Deno.test("the huge page of zeroes: its first write clears all 512 entries, and the fault is busy once (hmm-rdma-vfio.md 5.5)", () => {
  const { fault, map, callbacks } = shared(1024, { order: HUGE_ORDER });
  fault(VALID);
  assertEquals([map.pfns.order(0), map.pfns.order(600)], [9, 9]);
  assertEquals(map.pfns.pfn(0), map.pfns.pfn(512), "both huge pages are the one of zeroes");
  assertEquals(fault(VALID + WRITE, 500, 30), -ERRNO.EBUSY);
  assertEquals(callbacks(), [[0, 512, "clear"]]);
  assertEquals(fault(VALID + WRITE, 500, 30), -ERRNO.EBUSY);
  assertEquals(callbacks(), [[512, 1024, "clear"]]);
  assertEquals(fault(VALID + WRITE, 500, 30), 0);
  assert(map.pfns.pfn(511) !== map.pfns.pfn(512) + 511);
});

Deno.test("small pages are wanted one by one, a huge one that is missing as all of its pages are (hmm-rdma-vfio.md 1.1)", () => {
  const seen = (order: number) => {
    const { fault, flags, map, mm } = shared(512, { order });
    if (order === 0) mm.faultIn(page(511), false);
    map.pfns.replace(1, VALID, 0, 0);
    map.pfns.replace(2, VALID + WRITE, 0, 0);
    const results = [0, 1].map(() => fault(0, 0, 512, VALID + WRITE));
    return [results, [0, 1, 2, 511].map(flags), mm.presentPages];
  };
  const [read, written] = ["valid", "valid,write"];
  assertEquals(seen(0), [[-ERRNO.EBUSY, 0], ["", read, written, written], 511]);
  assertEquals(seen(HUGE_ORDER), [[0, 0], [written, written, written, written], 512]);
});

Deno.test("a huge page that loses a page is small ones, those of zeroes one page that is not written (hmm-rdma-vfio.md 5.5, 5.6)", () => {
  for (const written of [false, true]) {
    const { mm } = shared(512, { order: HUGE_ORDER });
    mm.faultIn(START, written);
    mm.discard(START, page(1), true);
    assertEquals([mm.presentPages, mm.faultIn(START, false), mm.presentPages], [511, 0, 512]);
    const seen = [0, 1, 511].map((index) => mm.pageAt(page(index))!);
    assertEquals(seen.map(({ order, writable }) => [order, writable]), [
      [0, false],
      [0, written],
      [0, written],
    ]);
    assertEquals(new Set(seen.map(({ phys }) => phys)).size, written ? 3 : 1);
  }
});

/**
 * Changes of pages 100 to 599, or of one page on either side of a border. Each element has the
 * expected notifications, and the resulting areas.
 */
const CHANGES: readonly (readonly [
  (mm: AddressSpace) => number,
  told: readonly string[],
  areas: string,
])[] = [
  [(mm) => mm.unmap(page(100), page(600)), ["split", "100-600 unmap"], "0-100w 600-1024w"],
  [(mm) => mm.discard(page(100), page(600), true), ["100-600 clear", "split"], "0-1024w"],
  [(mm) => mm.free(page(100), page(600)), ["100-600 clear", "split"], "0-1024w"],
  [
    (mm) => mm.protect(page(100), page(600), "read"),
    ["split", "100-600 protect_area"],
    "0-100w 100-600r 600-1024w",
  ],
  [
    (mm) => Math.min(0, mm.remap(page(100), page(600))),
    ["split", "100-600 unmap", "100-600 unmap"],
    "0-100w 600-1024w 1024-1524w",
  ],
  [
    (mm) => mm.pageOut(page(511), page(513)),
    ["0-512 clear", "511-512 clear", "512-1024 clear", "512-513 clear"],
    "0-1024w",
  ],
  [(mm) => mm.migrate(page(600)), ["512-1024 clear"], "0-1024w"],
  [(mm) => mm.fork(), ["0-1024 protect_page"], "0-1024w"],
];

Deno.test("a change that cuts huge pages splits both, in its order, and who refuses it keeps its pages (hmm-rdma-vfio.md 2.3, 5.6)", () => {
  for (const [change, told, areas] of CHANGES) {
    for (const agrees of [true, false]) {
      const { machine } = testBench();
      const mm = new AddressSpace(machine);
      mm.map({ start: START, sizeBytes: 1024 * PAGE, writable: true, order: HUGE_ORDER });
      for (const first of [0, 512]) mm.faultIn(page(first), true);
      const seen: string[] = [];
      mm.notifiers.insert(START, page(1024), {
        invalidate(_own, { end, event, start }) {
          seen.push(`${(start - START) / PAGE}-${(end - START) / PAGE} ${event}`);
          return agrees;
        },
      });
      const { presentPages } = mm;
      const result = change(mm);
      const all = told.flatMap((one) =>
        one === "split" ? ["0-512 clear", "512-1024 clear"] : [one]
      );
      if (!agrees) {
        const last = seen.at(-1)!;
        assertEquals([result, mm.presentPages, all.includes(last)], [
          -ERRNO.EAGAIN,
          presentPages,
          true,
        ]);
        continue;
      }
      const shown = mm.areas.map(({ access, end, start }) =>
        `${(start - START) / PAGE}-${(end - START) / PAGE}${access[0]}`
      );
      assertEquals([result, seen, shown.join(" ")], [0, all, areas]);
      const isSplit = told.length > 1;
      assertEquals(mm.pageAt(page(0))!.order, isSplit ? 0 : HUGE_ORDER);
      assertEquals(mm.pageAt(page(1023))!.order, isSplit ? 0 : HUGE_ORDER);
    }
  }
});

Deno.test("no memory for a page is ENOMEM wherever one is needed, and nothing has changed (hmm-rdma-vfio.md 1.1)", () => {
  const needs: readonly (readonly [
    area: Partial<AreaRequest>,
    prepare: (mm: AddressSpace) => unknown,
    act: (mm: AddressSpace) => number,
  ])[] = [
    [{}, () => {}, (mm) => mm.faultIn(START, true)],
    [{ order: HUGE_ORDER }, (mm) => mm.faultIn(START, false), (mm) => mm.faultIn(START, true)],
    [{}, (mm) => mm.faultIn(START, false), (mm) => mm.faultIn(START, true)],
    [{ kind: "shared" }, () => {}, (mm) => mm.faultIn(START, false)],
    [{ kind: "private_file" }, (mm) => mm.faultIn(START, false), (mm) => mm.faultIn(START, true)],
    [
      { kind: "private_file" },
      (mm) => [mm.faultIn(START, false), mm.discard(START, page(1), true)],
      (mm) => mm.faultIn(START, true),
    ],
    [
      {},
      (mm) => [mm.faultIn(START, true), mm.pageOut(START, page(1))],
      (mm) => mm.faultIn(START, false),
    ],
    [{}, (mm) => mm.faultIn(START, true), (mm) => mm.migrate(START)],
  ];
  for (const [area, prepare, act] of needs) {
    const { machine, mm } = shared(512, area);
    prepare(mm);
    const before = [mm.presentPages, machine.pages.takenBytes, mm.pageAt(START)?.phys];
    const fault = new ArmedInjection(INJECTION.alloc_pages, 1, 1);
    machine.armInjection(fault);
    assertEquals(act(mm), -ERRNO.ENOMEM);
    machine.disarmFault(fault);
    assertEquals([mm.presentPages, machine.pages.takenBytes, mm.pageAt(START)?.phys], before);
    assertEquals(act(mm), 0);
  }
});

Deno.test("a range fault tells what it found, what it was asked, and the number that it read (hmm-rdma-vfio.md 1.1, 2.2)", () => {
  const { fault, fields, flags, mm, seen, write } = shared(6);
  write(1);
  mm.pageAt(page(1))!.frame.broken = true;
  mm.faultIn(page(2), false);
  write(3);
  assertEquals([fault(0), fault(VALID, 1, 3)], [0, -ERRNO.EFAULT]);
  assertEquals([0, 1, 2, 3].map(flags), ["", "error", "valid", "valid,write"]);
  assertEquals(mm.faultIn(page(1), true), -ERRNO.EFAULT);
  assertEquals(fault(VALID + WRITE, 2, 2), -ERRNO.EBUSY);
  assertEquals(fault(VALID + WRITE, 2, 2), 0);
  const counted = fields("hmm.fault").map((event) =>
    [
      event.virt - START,
      event.size_bytes,
      event.valid,
      event.writable,
      event.brought_in,
      event.result,
    ]
      .join(" ")
  );
  assertEquals(counted, [
    `0 ${6 * PAGE} 2 1 0 OK`,
    `${PAGE} ${3 * PAGE} 0 0 0 EFAULT`,
    `${2 * PAGE} ${2 * PAGE} 0 0 1 EBUSY`,
    `${2 * PAGE} ${2 * PAGE} 2 2 0 OK`,
  ]);
  const why = seen.filter(({ name }) => name === "hmm.fault").map((event) => event.why!);
  const asked = (valid: boolean, write: boolean, sequence: number, now = sequence) => ({
    wanted_valid: valid,
    wanted_write: write,
    sequence,
    sequence_now: now,
  });
  assertEquals(why.map(({ inputs }) => inputs), [
    asked(false, false, 0),
    asked(true, false, 0),
    asked(true, true, 0, 1),
    asked(true, true, 1),
  ]);
  assertEquals(why.map(({ rule }) => rule.slice("hmm-rdma-vfio.".length)), [
    "1.1",
    "1.1",
    "2.2",
    "1.1",
  ]);
});

Deno.test("a whole huge page that goes costs the ones beside it nothing (hmm-rdma-vfio.md 5.6)", () => {
  const { fault, map, mm, callbacks, write } = shared(1536, { order: HUGE_ORDER });
  for (const first of [0, 512, 1024]) write(first);
  fault(0);
  callbacks();
  mm.discard(page(512), page(1024), true);
  assertEquals(callbacks(), [[512, 1024, "clear"]]);
  assertEquals(fault(0), 0);
  assertEquals([0, 511, 512, 1024].map((index) => map.pfns.order(index)), [9, 9, 0, 9]);
});

Deno.test("a change of protection is notified where there is one, and where a page table is (hmm-rdma-vfio.md 5.7)", () => {
  const { fault, flags, mm, callbacks, write } = shared(11);
  mm.protect(page(2), page(7), "read");
  mm.protect(page(2), page(7), "write");
  assertEquals(callbacks(), [], "nothing was ever touched");
  write(0, 11);
  mm.protect(page(2), page(7), "read");
  assertEquals(callbacks(), [[2, 7, "protect_area"]]);
  mm.protect(page(0), page(11), "write");
  assertEquals(callbacks(), [[2, 7, "protect_area"]]);
  mm.protect(page(0), page(11), "write");
  assertEquals(callbacks(), []);
  fault(0);
  assertEquals(
    flags(4),
    "valid,write",
    "the page is the process's alone, and may be written at once",
  );
});

Deno.test("a fork tells that pages are shared: read-only until written, in place (hmm-rdma-vfio.md 5.8)", () => {
  const { fault, flags, map, mm, callbacks, write } = shared(4);
  mm.fork();
  assertEquals(callbacks(), [], "there is nothing to share");
  write(0, 4);
  fault(0);
  const frame = map.pfns.pfn(1);
  mm.fork();
  assertEquals(callbacks(), [[0, 4, "protect_page"]]);
  fault(0);
  assertEquals(flags(1), "valid");
  write(1);
  fault(0);
  assertEquals([flags(1), flags(2), map.pfns.pfn(1)], ["valid,write", "valid", frame]);
  assertEquals(callbacks(), []);
  for (const rights of ["read", "write"] as const) mm.protect(page(0), page(4), rights);
  assertEquals([0, 1].map((index) => mm.pageAt(page(index))!.writable), [false, true]);
});

Deno.test("paging out tells page by page; what comes back has another frame and the same bytes (hmm-rdma-vfio.md 5.9)", () => {
  const { fault, flags, machine, mm, callbacks, write } = shared(4);
  write(0, 3);
  machine.memory.write(mm.pageAt(page(1))!.phys, new Uint8Array([7]), 0, 1);
  mm.pageOut(page(0), page(4));
  assertEquals(callbacks(), [[0, 1, "clear"], [1, 2, "clear"], [2, 3, "clear"]]);
  assertEquals([mm.presentPages, fault(0), flags(1)], [0, 0, ""]);
  fault(VALID);
  assertEquals([flags(1), flags(3)], ["valid,write", "valid"]);
  const byte = new Uint8Array(1);
  machine.memory.read(mm.pageAt(page(1))!.phys, byte, 0, 1);
  assertEquals([...byte], [7]);
});

Deno.test("memory that moves to other addresses is notified twice (hmm-rdma-vfio.md 5.10)", () => {
  const { fault, flags, mm, callbacks, write } = shared(8);
  write(0, 8);
  const phys = mm.pageAt(page(2))!.phys;
  const there = mm.remap(page(0), page(4));
  assertEquals(callbacks(), [[0, 4, "unmap"], [0, 4, "unmap"]]);
  assertEquals(mm.pageAt(there + 2 * PAGE)!.phys, phys);
  fault(0);
  assertEquals([flags(2), flags(4)], ["error", "valid,write"]);
});

Deno.test("pages that a fork shares stay shared when they move: each write faults first (hmm-rdma-vfio.md 5.8, 5.10)", () => {
  for (const isForked of [false, true]) {
    const { mm, write } = shared(4);
    write(0, 4);
    if (isForked) mm.fork();
    const there = mm.remap(page(0), page(4)) as VirtAddr;
    const end = there + 4 * PAGE as VirtAddr;
    mm.protect(there, end, "read");
    mm.protect(there, end, "write");
    assertEquals(mm.pageAt(there)!.writable, !isForked);
  }
});

Deno.test("a page of shared memory that was only read is written without a fault once that is allowed again", () => {
  for (const kind of ["shared", "private_file"] as const) {
    const { mm } = shared(1, { kind });
    mm.faultIn(START, false);
    mm.protect(START, page(1), "read");
    assertEquals(mm.pageAt(START)!.writable, false);
    mm.protect(START, page(1), "write");
    assertEquals(mm.pageAt(START)!.writable, kind === "shared");
  }
});

Deno.test("an entry that stayed mapped while its page went leads the device to the old page (hmm-rdma-vfio.md 5.11)", () => {
  const { fault, flags, machine, map, mapPfn, mm, dev } = shared(4);
  fault(VALID + WRITE);
  const old = map.pfns.pfn(1);
  const dma = mapPfn(1);
  // The page next to the migrated page prevents the migrated page's old frame from being allocated
  // again.
  mm.migrate(page(1));
  fault(VALID + WRITE);
  assertEquals(flags(1), "valid,write,dma_mapped");
  assert(map.pfns.pfn(1) !== old);
  assertEquals(mapPfn(1), dma);
  assertEquals(machine.iommu.lookup(dev, dma), old * PAGE as PhysAddr);
});

Deno.test("an entry that was never faulted maps physical page 0, and is not valid (hmm-rdma-vfio.md 5.12)", () => {
  const { dev, fields, flags, machine, map, mapPfn } = shared(4);
  assertEquals(mapPfn(2), map.state.addr + 2 * PAGE);
  assertEquals(fields("iommu.map").map(({ phys }) => phys), [0]);
  assertEquals(flags(2), "dma_mapped");
  assertEquals(hmmDmaUnmapPfn(machine, dev, map, 2), false);
});

Deno.test(
  "an entry that is not a multiple of a page fits only where it begins on one (hmm-rdma-vfio.md " +
    "5.13)",
  () => {
    for (const untrusted of [false, true]) {
      const bench = testBench({ device: { untrusted } });
      const { dev, fields, machine } = bench;
      const map = hmmDmaMapAlloc(machine, dev, 16, 512) as HmmDmaMap;
      for (const index of [0, 1]) map.pfns.replace(index, VALID + WRITE, 0, 0x2_0000 + index);
      const mapped = [0, 1].map((index) => hmmDmaMapPfn(machine, dev, map, index, null));
      assertEquals(mapped, untrusted ? [-1, -1] : [map.state.addr, -1]);
      const errors = fields("ret.dma_iova_link").map(({ error }) => error);
      assertEquals(errors, untrusted ? ["EPERM", "EPERM"] : [null, "ENXIO"]);
    }
  },
);

Deno.test("freeing a map twice frees its addresses twice: two owners (hmm-rdma-vfio.md 5.14)", () => {
  const { dev, fields, machine, map } = shared(4);
  const { addr } = map.state;
  hmmDmaMapFree(machine, dev, map);
  assertEquals([map.state.addr, map.state.sizeBytes], [addr, 4 * PAGE]);
  hmmDmaMapFree(machine, dev, map);
  assertEquals(fields("iova.free").map(({ start }) => start), [addr, addr]);
  assertEquals(fields("mem.free").map(({ what }) => what), ["hmm_pfn_list", "hmm_pfn_list"]);
  const owners = [0, 1].map(() => hmmDmaMapAlloc(machine, dev, 4, PAGE) as HmmDmaMap);
  assertEquals(owners.map(({ state }) => state.addr), [addr, addr]);
});

Deno.test("shared memory keeps its frames when a process discards it, and loses them by a hole in it", () => {
  const { map, fault, flags, mm, callbacks } = shared(4, { kind: "shared" });
  fault(VALID);
  assertEquals(flags(1), "valid,write", "a read of shared memory maps it writable");
  const frame = map.pfns.pfn(1);
  mm.discard(page(0), page(4), true);
  fault(VALID);
  assertEquals(map.pfns.pfn(1), frame);
  assertEquals(callbacks(), [[0, 4, "clear"]]);
  mm.punchHole(page(1), page(2));
  fault(VALID);
  assertEquals(callbacks(), [[1, 2, "clear"]]);
});

Deno.test("a page of a file that is private is copied by its writer, which is notified where it was mapped", () => {
  const { map, fault, flags, callbacks, write } = shared(32, { kind: "private_file" });
  fault(VALID, 0, 2);
  const cached = map.pfns.pfn(1);
  write(1);
  assertEquals(callbacks(), [[1, 2, "clear"]]);
  write(5);
  assertEquals(callbacks(), [], "it was not mapped before");
  fault(0);
  assertEquals([flags(0), flags(1), flags(5)], ["valid", "valid,write", "valid,write"]);
  assert(map.pfns.pfn(1) !== cached);
});

Deno.test("a read fault of a file maps what is there of the 64 KiB around it, in its area alone", () => {
  const { mm, fault, flags } = shared(40, { kind: "private_file" });
  fault(VALID);
  mm.discard(page(0), page(40), true);
  fault(VALID, 20, 1);
  fault(0);
  const mapped = Array.from({ length: 40 }, (_, index) => index)
    .filter((index) => flags(index).startsWith("valid"));
  assertEquals(mapped, Array.from({ length: 16 }, (_, index) => 16 + index));
});

Deno.test("memory that is freed stays until it is paged out or written", () => {
  const { mm, callbacks, write } = shared(4);
  write(0, 4);
  mm.free(page(0), page(4));
  assertEquals([callbacks(), mm.presentPages], [[[0, 4, "clear"]], 4]);
  write(0);
  mm.pageOut(page(0), page(4));
  assertEquals([mm.presentPages, callbacks().length], [0, 4]);
});

Deno.test("an entry may be as large as 1 GiB: it is not checked whether its addresses are those of the map", () => {
  const { dev, machine } = testBench();
  const map = hmmDmaMapAlloc(machine, dev, 1, GIB) as HmmDmaMap;
  map.pfns.replace(0, VALID, 0, GIB / PAGE);
  assertEquals(hmmDmaMapPfn(machine, dev, map, 0, null), map.state.addr);
  assertEquals([map.state.sizeBytes, map.pfns.has(0, DMA_MAPPED)], [PAGE, true]);
  assertEquals(machine.iommu.lookup(dev, map.state.addr + MIB), GIB + MIB as PhysAddr);
});

Deno.test("pages are written out in the order of their addresses, however they came (hmm-rdma-vfio.md 5.5)", () => {
  const { callbacks, mm, write } = shared(1024);
  const order = [1023, 5, 700, 3, 1];
  for (const index of order) write(index);
  callbacks();
  assertEquals(mm.pageOut(page(3), page(1023)), 0);
  assertEquals(callbacks(), [3, 5, 700].map((index) => [index, index + 1, "clear"]));
  assertEquals(order.map((index) => mm.pageAt(page(index)) !== null), [
    true,
    false,
    false,
    false,
    true,
  ]);
  // Swapped-out contents are removed with their page, and move with it.
  const there = mm.remap(page(3), page(6)) as VirtAddr;
  mm.discard(page(700), page(701), true);
  write(700);
  assertEquals([mm.presentPages, mm.faultIn(there + 2 * PAGE, false), mm.presentPages], [3, 0, 4]);
});
