import { assertEquals } from "@std/assert";
import { IovaRanges } from "./iova_ranges.ts";
import { shortageOf } from "./iova_shortage.ts";

/** Frames 1 to `last`, all allocated except the freed ones. */
function used(last: number, ...free: readonly number[]): IovaRanges {
  const ranges = new IovaRanges(1, 2 ** 20);
  for (let pfn = last; pfn > 0; pfn--) assertEquals(ranges.alloc(1, last, true), pfn);
  for (const pfn of free) ranges.free(pfn);
  return ranges;
}

/** The explanation of a search that must fail. */
function shortage(ranges: IovaRanges, pfns: number, limitPfn: number) {
  assertEquals(ranges.alloc(pfns, limitPfn, true), 0);
  return shortageOf(ranges, pfns, limitPfn);
}

Deno.test("fewer frames are free than are wanted: full (dma.md 4.4)", () => {
  assertEquals(shortage(used(15), 1, 15), { cause: "full", freePfns: 0, longestPfns: 0 });
  assertEquals(shortage(used(15, 4, 8), 4, 15), { cause: "full", freePfns: 2, longestPfns: 1 });
});

Deno.test("enough frames are free in pieces: fragmented, with the longest run (dma.md 4.4)", () => {
  const ranges = used(15, 2, 3, 5, 9, 10, 11, 15);
  assertEquals(shortage(ranges, 4, 15), { cause: "fragmented", freePfns: 7, longestPfns: 3 });
  const few = used(15, 2, 3, 5, 9);
  assertEquals(shortage(few, 4, 15), { cause: "fragmented", freePfns: 4, longestPfns: 2 });
});

Deno.test("a run that is long enough and begins at the wrong frame: alignment (dma.md 4.4 step 3)", () => {
  // Frames 3 to 6 are four free frames, but a range of four frames must begin at a multiple of
  // four.
  const ranges = used(15, 3, 4, 5, 6);
  assertEquals(shortage(ranges, 4, 15), { cause: "alignment", freePfns: 4, longestPfns: 4 });
  ranges.free(7);
  assertEquals(ranges.alloc(4, 15, true), 4);
});

Deno.test("more than the limit leaves: beyond_limit, and what lies above does not count (dma.md 4.2)", () => {
  const ranges = new IovaRanges(1, 2 ** 20);
  assertEquals(shortage(ranges, 16, 15), { cause: "beyond_limit", freePfns: 15, longestPfns: 15 });
  assertEquals(shortage(used(15), 15, 15), { cause: "full", freePfns: 0, longestPfns: 0 });
});

Deno.test("a size that failed before is refused without a search (dma.md 4.4 step 1)", () => {
  const ranges = used(15, 4, 5, 6, 7);
  // This search up to frame 3 fails. After that, every allocation below 4 GiB of one frame or more
  // is refused without a search.
  assertEquals(ranges.alloc(1, 3, true), 0);
  assertEquals(shortage(ranges, 4, 15), { cause: "max32_skipped", freePfns: 4, longestPfns: 4 });
  ranges.free(9);
  assertEquals(ranges.alloc(4, 15, true), 4);
});
