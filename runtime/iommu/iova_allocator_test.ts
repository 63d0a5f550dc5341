import { assert, assertEquals } from "@std/assert";
import { VirtualClock } from "../time/clock.ts";
import { IovaAllocator } from "./iova_allocator.ts";

const LIMIT_32 = 0xf_ffff;
const LIMIT_31 = 0x7_ffff;

function allocator(cpus = 1, clock = new VirtualClock()): IovaAllocator {
  return new IovaAllocator({ granuleBytes: 4096, startPfn: 1, cpus, clock });
}

/** The address of a frame. */
const address = (pfn: number): number => pfn * 4096;

Deno.test("IovaAllocator goes top down with natural alignment (dma.md ch. 4 assertion 1)", () => {
  const iova = allocator();
  const answers = [1, 1, 2, 3, 33, 1].map((pfns) =>
    address(iova.allocFast(0, pfns, LIMIT_32, true))
  );
  assertEquals(answers, [
    0xffff_f000,
    0xffff_e000,
    0xffff_c000,
    0xffff_8000,
    0xfffc_0000,
    0xfffb_f000,
  ]);
});

Deno.test("IovaAllocator keeps off the interrupt window (dma.md ch. 4 assertion 2)", () => {
  const iova = allocator();
  iova.ranges.reserve(0xfee00, 0xfeeff);
  const answers = [4096, 4096, 4096].map((pfns) =>
    address(iova.allocFast(0, pfns, LIMIT_32, true))
  );
  assertEquals(answers, [0xff00_0000, 0xfd00_0000, 0xfc00_0000]);
});

Deno.test("a freed range is cached on the CPU that freed it (dma.md ch. 4 assertion 3)", () => {
  const same = allocator(2);
  same.freeFast(0, same.allocFast(0, 1, LIMIT_32, true), 1);
  assertEquals(same.lastDestination, "rcache");
  assertEquals(address(same.allocFast(0, 1, LIMIT_32, true)), 0xffff_f000);
  assertEquals(same.lastSource, "rcache");

  const other = allocator(2);
  other.freeFast(0, other.allocFast(0, 1, LIMIT_32, true), 1);
  assertEquals(address(other.allocFast(1, 1, LIMIT_32, true)), 0xffff_e000);
  assertEquals(other.lastSource, "tree");
});

Deno.test("the search continues below the last range, not at the limit (dma.md ch. 4 assertion 5)", () => {
  const iova = allocator();
  assertEquals(address(iova.allocFast(0, 1, LIMIT_31, true)), 0x7fff_f000);
  assertEquals(address(iova.allocFast(0, 1, LIMIT_32, true)), 0x7fff_e000);
});

Deno.test("17 granules become 32 and are cached, 33 stay 33 and are not (dma.md ch. 4 assertion 6)", () => {
  const iova = allocator();
  const small = iova.allocFast(0, 17, LIMIT_32, true);
  assert(iova.ranges.find(small));
  assertEquals(iova.ranges.foundHi - iova.ranges.foundLo + 1, 32);
  iova.freeFast(0, small, 17);
  assertEquals(iova.cache.fills(0, 5), [1, 0]);

  const large = iova.allocFast(0, 33, LIMIT_32, true);
  assert(iova.ranges.find(large));
  assertEquals(iova.ranges.foundHi - iova.ranges.foundLo + 1, 33);
  assertEquals(large % 64, 0);
  iova.freeFast(0, large, 33);
  assertEquals(iova.lastDestination, "tree");
  assertEquals(iova.ranges.find(large), false);
});

Deno.test("a failed size is remembered until something low is freed (dma.md ch. 4 assertion 7)", () => {
  const iova = allocator();
  const pfns: number[] = [];
  for (;;) {
    const pfn = iova.allocFast(0, 1024, LIMIT_32, true);
    if (pfn === 0) break;
    pfns.push(pfn);
  }
  assertEquals(pfns.length, 1023);
  assertEquals(iova.ranges.max32AllocPfns, 1024);
  assertEquals(iova.allocFast(0, 1024, LIMIT_32, true), 0);
  assertEquals(iova.allocFast(0, 1, LIMIT_32, true), 0x3ff);
  iova.freeFast(0, pfns[0]!, 1024);
  assertEquals(iova.ranges.max32AllocPfns, 0x10_0000);
});

Deno.test("the 255th free of a class sends a full magazine to the depot (dma.md ch. 4 assertion 8)", () => {
  const iova = allocator();
  const pfns = Array.from({ length: 255 }, () => iova.allocFast(0, 1, LIMIT_32, true));
  for (const pfn of pfns.slice(0, 254)) iova.freeFast(0, pfn, 1);
  assertEquals(iova.cache.fills(0, 0), [127, 127]);
  assertEquals(iova.cache.depotSize(0), 0);
  iova.freeFast(0, pfns[254]!, 1);
  assertEquals(iova.lastDestination, "depot");
  assertEquals(iova.cache.depotSize(0), 1);
});

Deno.test("a depot larger than the number of CPUs frees one magazine each 100 ms (dma.md 4.5)", () => {
  const clock = new VirtualClock();
  const iova = allocator(1, clock);
  const pfns = Array.from({ length: 127 * 6 }, () => iova.allocFast(0, 1, LIMIT_32, true));
  for (const pfn of pfns) iova.freeFast(0, pfn, 1);
  assertEquals(iova.cache.depotSize(0), 4);
  clock.advance(99_000_000);
  assertEquals(iova.cache.depotSize(0), 4);
  clock.advance(1_000_000);
  assertEquals(iova.cache.depotSize(0), 3);
  clock.advance(1_000_000_000);
  // The last run finds no more magazines than CPUs, and arms no further timer.
  assertEquals([iova.cache.depotSize(0), iova.depotWorks, clock.pendingTimers], [1, 4, 0]);
});

Deno.test("freeing nothing puts frame 0 into class 0, where a later hit falls through (dma.md 3.5)", () => {
  const iova = allocator();
  iova.freeFast(0, 0, 0);
  assertEquals(iova.cache.fills(0, 0), [1, 0]);
  assertEquals(iova.allocFast(0, 1, LIMIT_32, true), LIMIT_32);
  assertEquals(iova.lastSource, "tree");
});

Deno.test("each allocation and free says where it came from and went to (dma.md 4.3, 4.5)", () => {
  const iova = allocator();
  const limit = 3;
  const all = [iova.allocFast(0, 1, limit, true), iova.allocFast(0, 1, limit, true)];
  assertEquals([all, iova.lastSource], [[3, 2], "tree"]);
  iova.freeFast(0, 3, 1);
  assertEquals(iova.lastDestination, "rcache");
  // There is no cached range of two frames. Only flushing the caches makes room for such a range.
  assertEquals([iova.allocFast(0, 2, limit, false), iova.lastSource], [0, "tree"]);
  iova.freeFast(0, 2, 1);
  assertEquals([iova.allocFast(0, 2, limit, true), iova.lastSource], [2, "tree_after_flush"]);
  assertEquals([iova.allocFast(0, 1, limit, true), iova.lastSource], [1, "tree"]);
  iova.freeFast(0, 1, 1);
  assertEquals([iova.allocFast(0, 1, limit, true), iova.lastSource], [1, "rcache"]);
  assertEquals([iova.allocFast(0, 64, LIMIT_32, true), iova.lastSource], [0xf_ffc0, "tree"]);
  iova.freeFast(0, 0xf_ffc0, 64);
  assertEquals(iova.lastDestination, "tree");
});

Deno.test("a CPU that has gone keeps nothing, and counts again when it is back (dma.md 4.5)", () => {
  const iova = allocator(3);
  const pfns = [0, 0].map(() => iova.allocFast(0, 1, LIMIT_32, true));
  for (const [index, pfn] of pfns.entries()) iova.freeFast(index + 1, pfn, 1);
  const seen = () => [iova.onlineCpus, iova.cache.fills(1, 0), iova.ranges.count];
  assertEquals(seen(), [3, [1, 0], 2]);
  for (const _ of [1, 2]) iova.cpuDead(1);
  assertEquals(seen(), [2, [0, 0], 1]);
  // Flushing empties only the caches of online CPUs.
  iova.freeFast(1, iova.allocFast(0, 1, LIMIT_32, true), 1);
  iova.flushCaches();
  assertEquals([seen(), iova.cache.fills(2, 0)], [[2, [1, 0], 1], [0, 0]]);
  for (const _ of [1, 2]) iova.cpuUp(1);
  iova.flushCaches();
  assertEquals(seen(), [3, [0, 0], 0]);
  iova.cpuDead(1);
  assertEquals(iova.onlineCpus, 2);
});
