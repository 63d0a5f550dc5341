/**
 * Compares the ranges with a simple, slow implementation of the rule: a sorted list, where every
 * search visits all ranges.
 */
import { assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import { IovaRanges } from "./iova_ranges.ts";

interface Range {
  lo: number;
  hi: number;
}

/** @see rules/dma.md 4.4, 4.6 */
class ListedRanges {
  readonly list: Range[] = [];
  cursor32: Range | null = null;
  cursor64: Range | null = null;
  max32: number;

  constructor(readonly start: number, readonly dma32: number) {
    this.max32 = dma32;
  }

  /** The result of a search: the frame, or 0, and the number of ranges visited. */
  search(pfns: number, limit: number, alignment: number): { pfn: number; steps: number } {
    const below = limit + 1;
    const is32 = below <= this.dma32;
    if (is32 && pfns >= this.max32) return { pfn: 0, steps: 0 };
    const cursor = is32 ? this.cursor32 : this.cursor64;
    const retry = cursor?.hi ?? Infinity;
    const first = this.#down(cursor, below, this.start, pfns, alignment);
    if (first.pfn !== 0 || retry >= below) return first;
    const from = is32 ? this.list.find(({ lo }) => lo >= below) ?? null : null;
    const second = this.#down(from, below, retry + 1, pfns, alignment);
    return { pfn: second.pfn, steps: first.steps + second.steps };
  }

  #down(from: Range | null, below: number, low: number, pfns: number, alignment: number) {
    let high = below;
    let steps = 0;
    let at = from === null ? this.list.length : this.list.indexOf(from);
    for (;; at--) {
      steps++;
      high = Math.min(high, this.list[at]?.lo ?? Infinity);
      const pfn = Math.floor((high - pfns) / alignment) * alignment;
      if (pfn < low) return { pfn: 0, steps };
      if (at === 0 || pfn > this.list[at - 1]!.hi) return { pfn, steps };
    }
  }

  alloc(pfns: number, limit: number, alignment: number): number {
    const refused = limit < this.dma32 && pfns >= this.max32;
    const { pfn } = this.search(pfns, limit, alignment);
    if (pfn === 0) {
      if (!refused) this.max32 = pfns;
      return 0;
    }
    const range = this.#insert(pfn, pfn + pfns - 1);
    if (range.hi < this.dma32) this.cursor32 = range;
    else this.cursor64 = range;
    return pfn;
  }

  #insert(lo: number, hi: number): Range {
    const range = { lo, hi };
    this.list.push(range);
    this.list.sort((a, b) => a.lo - b.lo);
    return range;
  }

  at(pfn: number): Range | undefined {
    return this.list.find(({ lo, hi }) => lo <= pfn && pfn <= hi);
  }

  free(pfn: number): boolean {
    const range = this.at(pfn);
    if (range === undefined) return false;
    const index = this.list.indexOf(range);
    const higher = this.list[index + 1] ?? null;
    const at32 = this.cursor32?.lo ?? Infinity;
    if (range === this.cursor32 || (range.hi < this.dma32 && range.lo >= at32)) {
      this.cursor32 = higher;
    }
    if (range.lo < this.dma32) this.max32 = this.dma32;
    if (range.lo >= (this.cursor64?.lo ?? Infinity)) this.cursor64 = higher;
    this.list.splice(index, 1);
    return true;
  }

  /**
   * Reserves the frames `lo` to `hi`. Each existing range that overlaps these frames grows
   * downwards over the free ones below it. The frames above the last such range become a separate
   * range.
   */
  reserve(lo: number, hi: number): Range {
    let from = lo;
    let covering: Range | undefined;
    for (const range of this.list) {
      if (range.hi < from || range.lo > hi) continue;
      range.lo = Math.min(range.lo, from);
      from = range.hi + 1;
      covering = range;
    }
    return from <= hi ? this.#insert(from, hi) : covering!;
  }
}

const DMA32 = 24;
const LAST = 64;

function assertSame(ranges: IovaRanges, listed: ListedRanges): void {
  const found: Range[] = [];
  ranges.forEach((lo, hi) => found.push({ lo, hi }));
  assertEquals(found, listed.list);
  assertEquals({
    count: ranges.count,
    cursor32: ranges.cursor32Pfn,
    cursor64: ranges.cursor64Pfn,
    max32: ranges.max32AllocPfns,
  }, {
    count: listed.list.length,
    cursor32: listed.cursor32?.lo ?? null,
    cursor64: listed.cursor64?.lo ?? null,
    max32: listed.max32,
  });
  for (let pfn = 0; pfn <= LAST; pfn++) {
    const range = listed.at(pfn);
    assertEquals(ranges.find(pfn), range !== undefined);
    if (range !== undefined) assertEquals([ranges.foundLo, ranges.foundHi], [range.lo, range.hi]);
  }
}

/** Performs one operation on the ranges and on their list, which must give the same result. */
function doBoth(ranges: IovaRanges, listed: ListedRanges, random: Random): void {
  const kind = random.below(10);
  if (kind < 6) {
    const pfns = random.between(1, 7);
    const limit = random.below(3) === 0 ? random.between(3, LAST) : random.below(2) * 40 + 23;
    const aligned = random.below(4) > 0;
    const alignment = aligned ? 2 ** Math.ceil(Math.log2(pfns)) : 1;
    if (aligned) {
      assertEquals(ranges.searchLength(pfns, limit), listed.search(pfns, limit, alignment).steps);
    }
    assertEquals(ranges.alloc(pfns, limit, aligned), listed.alloc(pfns, limit, alignment));
  } else if (kind < 9) {
    const pfn = random.between(0, LAST + 1);
    assertEquals(ranges.free(pfn), listed.free(pfn));
  } else {
    const lo = random.between(1, LAST);
    const hi = Math.min(LAST, lo + random.below(6));
    ranges.reserve(lo, hi);
    assertEquals([ranges.foundLo, ranges.foundHi], Object.values(listed.reserve(lo, hi)));
  }
}

Deno.test("every search, free and reservation answers as the rule does (dma.md 4.4, 4.6)", () => {
  const random = new Random(44);
  for (let round = 0; round < 40; round++) {
    const start = random.between(1, 4);
    // In every second round a skip list is used as soon as there are two ranges.
    const ranges = new IovaRanges(start, DMA32, round % 2 === 0 ? 2 : undefined);
    const listed = new ListedRanges(start, DMA32);
    for (let step = 0; step < 60; step++) {
      doBoth(ranges, listed, random);
      assertSame(ranges, listed);
    }
  }
});

Deno.test("any size begins at a multiple of the power of two above it, up to the largest (dma.md 4.4 step 3)", () => {
  for (let bits = 0; bits <= 45; bits++) {
    for (const pfns of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
      if (pfns < 1) continue;
      const alignment = 2 ** Math.ceil(Math.log2(pfns));
      const ranges = new IovaRanges(1, 2 ** 20);
      const limit = 2 ** 48 + 5;
      const pfn = Math.floor((limit + 1 - pfns) / alignment) * alignment;
      assertEquals(ranges.searchLength(pfns, limit), 1);
      assertEquals(ranges.alloc(pfns, limit, true), pfn, `${pfns} frames`);
      assertEquals(ranges.alloc(pfns, limit, false), Math.max(0, pfn - pfns), `${pfns} below them`);
    }
  }
});

Deno.test("what searches have learned changes no answer (dma.md 4.4)", () => {
  let failed = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    // Every third time, the skip list is built when there are 64 ranges, otherwise when there are
    // 2.
    const learning = new IovaRanges(1, 2 ** 15, seed % 3 === 0 ? 64 : 2);
    const plain = new IovaRanges(1, 2 ** 15, Infinity);
    const limits = [2 ** 15 - 1, 2 ** 15 - 1, 2 ** 16 + 77, 2 ** 13];
    const largest = seed % 2 === 0 ? 300 : 3_000;
    const live: number[] = [];
    for (let step = 0; step < 5_000; step++) {
      const kind = random.below(100);
      if (kind < 55 || live.length === 0) {
        const pfns = kind < 40 ? [1, 8, 33, 64, 256][random.below(5)]! : random.between(1, largest);
        const [limit, aligned] = [limits[random.below(limits.length)]!, random.below(8) > 0];
        const pfn = learning.alloc(pfns, limit, aligned);
        assertEquals(pfn, plain.alloc(pfns, limit, aligned), `seed ${seed}, step ${step}`);
        if (pfn !== 0) live.push(pfn);
        else failed++;
      } else if (kind < 99) {
        const at = random.below(live.length);
        const pfn = live[at]!;
        live[at] = live.at(-1)!;
        live.pop();
        assertEquals(learning.free(pfn), plain.free(pfn));
      } else {
        const lo = random.between(1, 2 ** 15);
        const hi = lo + random.below(500);
        learning.reserve(lo, hi);
        plain.reserve(lo, hi);
      }
      assertEquals(
        [learning.cursor32Pfn, learning.cursor64Pfn, learning.max32AllocPfns],
        [plain.cursor32Pfn, plain.cursor64Pfn, plain.max32AllocPfns],
      );
    }
    assertEquals(live.length > 100, true, `${live.length} are live`);
    assertEquals(learning.hostBytes > plain.hostBytes, true, "nothing is learned");
  }
  assertEquals(failed > 1_000, true, `${failed} searches failed`);
});
