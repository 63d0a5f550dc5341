import { assertEquals } from "@std/assert";
import { VirtualClock } from "../time/clock.ts";
import { FlushQueue } from "./flush_queue.ts";
import { IovaCache } from "./iova_cache.ts";
import { IovaRanges } from "./iova_ranges.ts";

const LIMIT_32 = 0xf_ffff;

/** Eight single frames from the top, the second, fourth and sixth of them free again. */
function holes(): IovaRanges {
  const ranges = new IovaRanges(1, 2 ** 20);
  const pfns = Array.from({ length: 8 }, () => ranges.alloc(1, LIMIT_32, true));
  for (const index of [1, 3, 5]) ranges.free(pfns[index]!);
  return ranges;
}

Deno.test("searchLength() counts the ranges that a search steps over (dma.md 4.4 step 3)", () => {
  const ranges = holes();
  assertEquals(ranges.cursor32Pfn, 0xf_ffff);
  // One frame fits below the topmost range; two fit only below the lowest of the five.
  assertEquals(ranges.searchLength(1, LIMIT_32), 1);
  assertEquals(ranges.searchLength(2, LIMIT_32), 5);
});

Deno.test("searchLength() is 0 where a search fails at once (dma.md 4.4 step 1)", () => {
  const ranges = new IovaRanges(1, 2 ** 20);
  assertEquals(ranges.alloc(2 ** 20, LIMIT_32, true), 0);
  assertEquals(ranges.max32AllocPfns, 2 ** 20);
  assertEquals(ranges.searchLength(2 ** 20, LIMIT_32), 0);
});

Deno.test("searchLength() counts both passes when the first finds nothing (dma.md 4.4 step 4)", () => {
  const ranges = new IovaRanges(1, 8);
  for (let pfn = 7; pfn > 0; pfn--) assertEquals(ranges.alloc(1, 7, true), pfn);
  ranges.free(4);
  ranges.free(3);
  assertEquals(ranges.cursor32Pfn, 5);
  // 3 and 4 are free, but a pair starts at an even frame: 5 and 2 are passed, then 8 (the limit)
  // and 7, below which the second pass need not look.
  assertEquals(ranges.searchLength(2, 7), 4);
  assertEquals(ranges.alloc(2, 7, true), 0);
});

Deno.test("searchLength() counts one pass when the search began at the top (dma.md 4.4 step 4)", () => {
  const ranges = new IovaRanges(1, 2 ** 20);
  assertEquals(ranges.cursor64Pfn, null);
  assertEquals(ranges.searchLength(2 ** 37, 2 ** 36 - 1), 1);
  assertEquals(ranges.alloc(2 ** 37, 2 ** 36 - 1, true), 0);
});

Deno.test("searchLength() takes nothing and moves no cursor", () => {
  const ranges = holes();
  const before = [ranges.count, ranges.cursor32Pfn, ranges.cursor64Pfn, ranges.max32AllocPfns];
  for (let pfns = 1; pfns < 2 ** 20; pfns *= 4) ranges.searchLength(pfns, LIMIT_32);
  const after = [ranges.count, ranges.cursor32Pfn, ranges.cursor64Pfn, ranges.max32AllocPfns];
  assertEquals(after, before);
});

Deno.test("IovaCache.forEach() tells every cached frame with its class and CPU (dma.md 4.5)", () => {
  const cache = new IovaCache(2);
  cache.put(0, 0, 100);
  cache.put(1, 5, 200);
  for (let pfn = 1000; pfn < 1255; pfn++) cache.put(1, 1, pfn);
  const found: [number, number, number][] = [];
  cache.forEach((pfn, sizeClass, cpu) => found.push([pfn, sizeClass, cpu]));
  assertEquals(found.length, 257);
  assertEquals(found[0], [100, 0, 0]);
  assertEquals(found.filter(([, sizeClass]) => sizeClass === 5), [[200, 5, 1]]);
  // 255 frames of one class: two full magazines of 127, one of which went to the depot.
  assertEquals(found.filter(([, , cpu]) => cpu === -1).length, 127);
});

Deno.test("FlushQueue.forEach() tells what waits, ring by ring (dma.md 5.3)", () => {
  const clock = new VirtualClock();
  const owner = { flushAll() {}, flushed() {}, releaseRange() {}, onTimer() {} };
  const queue = new FlushQueue(owner, clock, { rings: 2, entries: 4, timeoutNs: 10_000_000 });
  queue.add(1, 10, 1);
  clock.nowNs = 7;
  queue.add(0, 20, 2);
  const found: [number, number, number, number][] = [];
  queue.forEach((pfn, pfns, ring, addedNs) => found.push([pfn, pfns, ring, addedNs]));
  assertEquals(found, [[20, 2, 0, 7], [10, 1, 1, 0]]);
});
