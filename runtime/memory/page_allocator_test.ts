import { assert, assertEquals } from "@std/assert";
import { GIB, MIB, type PhysAddr } from "../address.ts";
import type { MemoryRegionConfig } from "../machine_config.ts";
import { layOutMemory } from "./layout.ts";
import { PageAllocator } from "./page_allocator.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

function allocator(ramSizeBytes: number, regions: MemoryRegionConfig[] = []): PageAllocator {
  const hole = { name: "hole", basePhys: at(0xc000_0000), sizeBytes: GIB };
  const ranges = layOutMemory({ ramSizeBytes, windows: [hole], regions });
  return new PageAllocator(new PhysicalMemory(ranges), regions);
}

Deno.test("PageAllocator hands out ascending pages: scripts from 1 GiB, drivers from 1.5 GiB", () => {
  const pages = allocator(8 * GIB);
  assertEquals(pages.alloc(2), [at(0x4000_0000), at(0x4000_1000)], "contiguous by default");
  assertEquals(pages.alloc(1, { contiguous: true }), [at(0x4000_2000)]);
  assertEquals(pages.alloc(1, { contiguous: true, owner: "driver" }), [at(0x6000_0000)]);
});

Deno.test("PageAllocator never gives two adjacent pages when they must not be contiguous", () => {
  const pages = allocator(16 * MIB);
  pages.alloc(3, { contiguous: true });
  const scattered = pages.alloc(1900, { contiguous: false })!;
  const sorted = [...scattered].sort((a, b) => a - b);
  assertEquals(new Set(scattered).size, 1900);
  for (let index = 1; index < sorted.length; index++) {
    assert(sorted[index]! - sorted[index - 1]! > 4096);
  }
  assert(sorted[0]! >= MIB, "no page below 1 MiB");
});

Deno.test("PageAllocator stays in a region and below a last address", () => {
  const region = { name: "low", basePhys: at(2 * MIB), sizeBytes: 16384, type: "ram" as const };
  const other = { ...region, name: "other", basePhys: at(MIB) };
  const pages = allocator(8 * GIB, [other, region]);
  assertEquals(pages.alloc(4, { contiguous: true, region: "low" })![0], at(2 * MIB));
  assertEquals(pages.alloc(1, { contiguous: true, region: "low" }), null);
  const low = pages.alloc(1, { contiguous: true, lastPhys: 2 ** 24 - 1 })!;
  assertEquals(low, [at(MIB)]);
});

Deno.test("PageAllocator goes on above a hole and returns null when nothing fits", () => {
  const pages = allocator(4 * GIB);
  const run = (count: number): PhysAddr | null =>
    pages.allocPattern([{ startPage: 0, pages: count }]);
  assertEquals(run(0xb_ff01), null);
  assertEquals(run(0x8_0000), at(0x4000_0000));
  assertEquals(run(0x4_0000), at(0x1_0000_0000));
  assertEquals(run(0x4_0000), null);
  assertEquals(run(0x3_ff00), at(MIB));
  assertEquals(run(1), null);
});

Deno.test("PageAllocator gives freed pages out again, lowest first", () => {
  const pages = allocator(GIB);
  const first = pages.alloc(8, { contiguous: true })!;
  pages.free(first.slice(2, 4));
  assertEquals(pages.inUse(first[2]!), false);
  assertEquals(pages.alloc(2, { contiguous: true }), first.slice(2, 4));
});

Deno.test("PageAllocator.claim() takes pages anywhere once, all or nothing", () => {
  const pages = allocator(GIB);
  assertEquals(pages.claim(at(0x2_0800), 0x1000), true);
  assertEquals([0x1_ffff, 0x2_0000, 0x2_1fff, 0x2_2000].map((phys) => pages.inUse(phys)), [
    false,
    true,
    true,
    false,
  ]);
  assertEquals(pages.claim(at(0x2_1000), 1), false);
  assertEquals(pages.claim(at(0x1_f000), 0x1001), false);
  assertEquals(pages.inUse(0x1_f000), false);
  assertEquals(pages.claim(at(GIB - 1), 2), false, "there is no memory behind the RAM");
});

/**
 * Only 16 pages are free: 8 from 1 MiB, where every search ends, and 8 from 1.5 GiB, where drivers'
 * searches begin.
 */
function twoIslands(): PageAllocator {
  const [low, high] = [MIB, 0x6000_0000];
  const ranges = layOutMemory({ ramSizeBytes: high + 8 * 4096, windows: [], regions: [] });
  const pages = new PageAllocator(new PhysicalMemory(ranges), []);
  assertEquals(pages.claim(at(low + 8 * 4096), high - low - 8 * 4096), true);
  return pages;
}

/** Page numbers: 0 to 7 in the high island, -8 to -1 in the low one. */
const numbers = (found: readonly PhysAddr[]) =>
  found.map((phys) => phys >= 0x6000_0000 ? (phys - 0x6000_0000) / 4096 : (phys - MIB) / 4096 - 8);

Deno.test("PageAllocator.allocEach() goes up to the top, then from the bottom, then into the gaps", () => {
  const each = (count: number, apart: boolean, before: PhysAddr[] = []) => {
    const into = [...before];
    twoIslands().allocEach(into, count, apart, () => true);
    return numbers(into.slice(before.length));
  };
  assertEquals(each(3, false), [0, 1, 2]);
  assertEquals(each(10, false), [0, 1, 2, 3, 4, 5, 6, 7, -8, -7]);
  assertEquals(each(20, false), [0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1]);
  assertEquals(each(3, true), [0, 2, 4]);
  assertEquals(each(7, true), [0, 2, 4, 6, -8, -6, -4]);
  // The second round fills the gaps that the first left between its pages.
  assertEquals(each(20, true), [0, 2, 4, 6, -8, -6, -4, -2, 1, 3, 5, 7, -7, -5, -3, -1]);
  // With `apart`, the new pages are not adjacent to the user's earlier pages. Without it, the
  // search begins at the first page.
  assertEquals(each(2, true, [at(0x6000_0000), at(0x6000_2000)]), [4, 6]);
  assertEquals(each(2, false, [at(0x6000_2000)]), [0, 1]);
});

Deno.test("PageAllocator.allocEach() asks before each page, and stops when it may not go on", () => {
  const pages = twoIslands();
  const before = pages.takenBytes;
  const into: PhysAddr[] = [];
  let left = 3;
  pages.allocEach(into, 8, false, () => left-- > 0);
  assertEquals(numbers(into), [0, 1, 2]);
  assertEquals(pages.takenBytes - before, 3 * 4096);
});

Deno.test("PageAllocator.allocApart() leaves a page between blocks, wraps once, and frees all when they do not fit", () => {
  const apart = (counts: readonly number[], owner: "driver" | "script" = "driver") => {
    const pages = twoIslands();
    const before = pages.takenBytes;
    const found = pages.allocApart(counts, { owner });
    const taken = counts.reduce((sum, count) => sum + count, 0) * 4096;
    assertEquals(pages.takenBytes - before, found === null ? 0 : taken);
    return found === null ? null : numbers(found);
  };
  assertEquals(apart([1, 1, 1]), [0, 2, 4]);
  assertEquals(apart([2, 3, 1]), [0, 3, 7]);
  assertEquals(apart([8]), [0]);
  assertEquals(apart([9]), null);
  // The second block comes from the bottom, where the other island lies. The two blocks do not
  // touch.
  assertEquals(apart([4, 4]), [0, -8]);
  assertEquals(apart([4, 4, 3]), [0, -8, -3]);
  assertEquals(apart([4, 4, 4]), null);
  assertEquals(apart([8, 8]), [0, -8]);
  assertEquals(apart([8, 8, 1]), null);
});

Deno.test("a page of zeroes is taken once, whole, and counts as no memory in use", () => {
  const pages = allocator(GIB);
  const order = 4;
  const zero = pages.zeroPage(order)!;
  assertEquals([zero % (4096 * 2 ** order), pages.zeroPage(order), pages.takenBytes], [0, zero, 0]);
  const [next] = pages.alloc(1, { contiguous: true, owner: "driver" })!;
  assertEquals([next, pages.takenBytes], [zero + 4096 * 2 ** order as PhysAddr, 4096]);
});

Deno.test("PageAllocator knows what was freed until somebody has it again, from the byte on that is asked for", () => {
  const pages = allocator(GIB);
  assertEquals([pages.totalPages, pages.scriptStartPhys], [2 ** 18, 0x2000_0000]);
  const got = pages.alloc(6)!;
  const [first] = got;
  const freed = (page: number, sizeBytes: number) => {
    const phys = pages.firstFreed(first! + page * 4096, sizeBytes);
    return phys < 0 ? -1 : (phys - first!) / 4096;
  };
  assertEquals(freed(0, 6 * 4096), -1);
  pages.free([got[1]!, got[2]!, got[4]!]);
  assertEquals([freed(0, 4096), freed(0, 4097), freed(1.5, 1), freed(1, 0)], [-1, 1, 1.5, -1]);
  assertEquals([freed(3, 4096), freed(3, 4097), freed(2, 2 * 4096), freed(5, 4096)], [
    -1,
    4,
    2,
    -1,
  ]);
  assertEquals([pages.alloc(2), freed(0, 6 * 4096)], [got.slice(1, 3), 4]);
  pages.free([got[1]!, got[2]!, got[3]!]);
  assertEquals(pages.claim(got[1]!, 4 * 4096), true);
  assertEquals(freed(0, 6 * 4096), -1);
  assertEquals(pages.claim(at(0), 1), true);
  pages.free([at(0)]);
  assertEquals(pages.firstFreed(0, 1), 0);
  const large = new PageAllocator(
    new PhysicalMemory(layOutMemory({ ramSizeBytes: GIB, windows: [], regions: [] })),
    [],
    65_536,
  );
  assertEquals([large.totalPages, large.scriptStartPhys, large.alloc(2)], [
    2 ** 14,
    0x2000_0000,
    [at(0x2000_0000), at(0x2001_0000)],
  ]);
});
