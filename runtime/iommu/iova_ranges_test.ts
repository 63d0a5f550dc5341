/** The ranges alone, without caches in front of them. */
import { assertEquals } from "@std/assert";
import { IovaRanges } from "./iova_ranges.ts";

const DMA32_PFN = 2 ** 20;
const TOP_PFN = DMA32_PFN - 1;

Deno.test("what was freed is used again: room for the most ranges at a time is enough for ever", () => {
  const ranges = new IovaRanges(1, DMA32_PFN);
  const most = 60;
  const round = () => {
    const taken = Array.from({ length: most }, () => ranges.alloc(1, TOP_PFN, true));
    assertEquals(taken.map((pfn) => ranges.free(pfn)), taken.map(() => true));
  };
  round();
  const { hostBytes } = ranges;
  for (let again = 0; again < 100; again++) round();
  assertEquals([ranges.count, ranges.hostBytes], [0, hostBytes]);
  // The host memory of bounds, links and hash for the first 64 nodes.
  assertEquals(hostBytes, 64 * (16 + 8) + 128 * 4);
});

Deno.test("a failed size is forgotten when a range below 4 GiB goes back, and by none at or above (dma.md 4.3, 4.4)", () => {
  const frees = (pfn: number, pfns: number) => {
    const ranges = new IovaRanges(1, DMA32_PFN);
    ranges.reserve(1, DMA32_PFN - 2);
    assertEquals(ranges.alloc(2, TOP_PFN, false), 0);
    assertEquals(ranges.max32AllocPfns, 2);
    ranges.reserve(pfn, pfn + pfns - 1);
    assertEquals(ranges.free(pfn), true);
    return ranges.max32AllocPfns;
  };
  assertEquals(frees(DMA32_PFN - 1, 1), DMA32_PFN);
  assertEquals(frees(DMA32_PFN, 1), 2);
  assertEquals(frees(DMA32_PFN + 1, 1), 2);
  assertEquals(frees(DMA32_PFN, 512), 2);
});
