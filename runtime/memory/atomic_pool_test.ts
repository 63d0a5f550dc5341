import { assertEquals, assertThrows } from "@std/assert";
import { GIB, type PhysAddr } from "../address.ts";
import { InvariantError } from "../errno.ts";
import { VirtualClock } from "../time/clock.ts";
import { AtomicPools } from "./atomic_pool.ts";
import { layOutMemory } from "./layout.ts";
import { PageAllocator } from "./page_allocator.ts";
import { PhysicalMemory } from "./physical_memory.ts";

/** The pools of a machine with 4 GiB: each begins with 512 KiB. */
function bench() {
  const layout = layOutMemory({ ramSizeBytes: 4 * GIB, windows: [], regions: [] });
  const pages = new PageAllocator(new PhysicalMemory(layout));
  const clock = new VirtualClock();
  const pools = new AtomicPools({ pages, clock });
  return { clock, pages, take: (count: number, last = 2 ** 32 - 1) => pools.take(count, last) };
}

Deno.test("an atomic pool gives the first run that is long enough, and is doubled once it has less than at first (dma.md 1.9)", () => {
  const { clock, pages, take } = bench();
  const runs = [3, 2, 4].map((count) => take(count)!);
  const [first] = runs[0]!.pages;
  const at = (page: number) => first! + page * 4096 as PhysAddr;
  const run = (page: number, count: number) =>
    Array.from({ length: count }, (_, i) => at(page + i));
  assertEquals(runs.map((each) => each.pages), [run(0, 3), run(3, 2), run(5, 4)]);
  assertEquals([pages.takenBytes, clock.pendingTimers], [128 * 4096, 1]);
  // Pages freed in any order form one run again. A free run that is too short is not used.
  for (const index of [1, 0]) runs[index]!.home.free(runs[index]!.pages.toReversed());
  const five = take(5)!;
  assertEquals(five.pages, run(0, 5));
  five.home.free(run(1, 1));
  assertEquals(take(2)!.pages, run(9, 2));
  assertEquals([take(118), take(117)!.pages], [null, run(11, 117)]);
  assertEquals([take(1)!.pages, take(1)], [run(1, 1), null]);
  clock.advance(1_000_000);
  assertEquals(pages.takenBytes, 2 * 128 * 4096);
  const more = take(128)!;
  assertEquals([more.pages.length, take(1)], [128, null]);
  // With as many free pages as initially, the worker does nothing.
  more.home.free(more.pages);
  clock.advance(1_000_000);
  assertEquals(pages.takenBytes, 2 * 128 * 4096);
  assertThrows(() => more.home.free(more.pages.slice(0, 1)), InvariantError, "is freed twice");
  five.home.free(five.pages);
  assertEquals([take(5)!.pages, clock.pendingTimers], [run(0, 5), 0], "128 are left");
});

Deno.test("each zone has its own pool, and below the lowest there is none (dma.md 1.9)", () => {
  const { pages, take } = bench();
  const zones = [Number.MAX_SAFE_INTEGER, 2 ** 32 - 1, 2 ** 32 - 2, 2 ** 24 - 1];
  const firsts = zones.map((last) => take(1, last)!.pages[0]!);
  assertEquals([pages.takenBytes, take(1, 2 ** 24 - 2)], [3 * 128 * 4096, null]);
  assertEquals([firsts[2]! < 2 ** 24, firsts[3]! - firsts[2]!, firsts[1]! < 2 ** 24], [
    true,
    4096,
    false,
  ]);
});
