/**
 * Compares the caches with a simple model of the rule: for each CPU and class, magazines as lists; for each class, one
 * list of full magazines.
 */
import { assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import { CACHE_CLASSES, IovaCache } from "./iova_cache.ts";

const MAGAZINE = 127;

/** @see rules/dma.md 4.5 */
class ListedCache {
  /** The loaded and the previous magazine, by CPU and class. */
  readonly cpus: [number[], number[]][][];
  /** Full magazines by class, the newest last. */
  readonly depots: number[][][] = Array.from({ length: CACHE_CLASSES }, () => []);

  constructor(cpus: number) {
    this.cpus = Array.from(
      { length: cpus },
      () => Array.from({ length: CACHE_CLASSES }, () => [[], []]),
    );
  }

  /** Returns whether a full magazine went to the depot. */
  put(cpu: number, sizeClass: number, pfn: number): boolean {
    const pair = this.cpus[cpu]![sizeClass]!;
    let spilled = false;
    if (pair[0].length === MAGAZINE) {
      if (pair[1].length < MAGAZINE) pair.reverse();
      else {
        this.depots[sizeClass]!.push(pair[0]);
        pair[0] = [];
        spilled = true;
      }
    }
    pair[0].push(pfn);
    return spilled;
  }

  take(cpu: number, sizeClass: number, endPfn: number): number {
    const pair = this.cpus[cpu]![sizeClass]!;
    if (pair[0].length === 0) {
      if (pair[1].length > 0) pair.reverse();
      else pair[0] = this.depots[sizeClass]!.pop() ?? [];
    }
    const pfns = 2 ** sizeClass;
    const at = pair[0].findLastIndex((pfn) => pfn + pfns <= endPfn || endPfn < pfns);
    if (at < 0) return 0;
    const pfn = pair[0][at]!;
    const last = pair[0].pop()!;
    if (at < pair[0].length) pair[0][at] = last;
    return pfn;
  }

  all(): [number, number, number][] {
    const found: [number, number, number][] = [];
    for (const [cpu, classes] of this.cpus.entries()) {
      for (const [sizeClass, pair] of classes.entries()) {
        for (const pfn of pair.flat()) found.push([pfn, sizeClass, cpu]);
      }
    }
    for (const [sizeClass, depot] of this.depots.entries()) {
      for (const pfn of depot.toReversed().flat()) found.push([pfn, sizeClass, -1]);
    }
    return found;
  }

  drainCpu(cpu: number): number[] {
    const frames = this.cpus[cpu]!.flat(2);
    for (const pair of this.cpus[cpu]!) pair.splice(0, 2, [], []);
    return frames;
  }

  drainDepots(): number[] {
    return this.depots.flatMap((depot) => depot.splice(0).toReversed().flat());
  }
}

function assertSame(cache: IovaCache, listed: ListedCache): void {
  const found: [number, number, number][] = [];
  cache.forEach((pfn, sizeClass, cpu) => found.push([pfn, sizeClass, cpu]));
  assertEquals(found.join(" "), listed.all().join(" "));
  for (const [cpu, classes] of listed.cpus.entries()) {
    assertEquals(
      classes.map((_, sizeClass) => cache.fills(cpu, sizeClass)),
      classes.map(([loaded, previous]) => [loaded.length, previous.length] as const),
    );
  }
  const sizes = listed.depots.map((depot) => depot.length);
  assertEquals(listed.depots.map((_, sizeClass) => cache.depotSize(sizeClass)), sizes);
}

/** The frames that a drain frees. */
function released(drain: (release: (pfn: number) => void) => void): number[] {
  const frames: number[] = [];
  drain((pfn) => frames.push(pfn));
  return frames;
}

/** About a hundred calls of one kind, so that magazines fill and empty. */
function doBoth(cache: IovaCache, listed: ListedCache, random: Random, nextPfn: number): void {
  const cpu = random.below(cache.cpus);
  // Most calls use the smallest and the largest class.
  const sizeClass = [0, 0, 0, 5, 5, random.below(CACHE_CLASSES)][random.below(6)]!;
  const kind = random.below(20);
  const calls = random.below(200);
  if (kind < 10) {
    for (let pfn = nextPfn; pfn < nextPfn + calls; pfn++) {
      assertEquals(cache.put(cpu, sizeClass, pfn), listed.put(cpu, sizeClass, pfn));
    }
  } else if (kind < 18) {
    const narrow = random.below(3) === 0;
    for (let call = 0; call < calls; call++) {
      const end = narrow ? random.below(nextPfn + 64) : nextPfn + 300;
      assertEquals(cache.take(cpu, sizeClass, end), listed.take(cpu, sizeClass, end));
    }
  } else if (kind === 18) {
    assertEquals(released((release) => cache.drainCpu(cpu, release)), listed.drainCpu(cpu));
  } else if (random.below(2) === 0) {
    assertEquals(released((release) => cache.drainDepots(release)), listed.drainDepots());
  } else if (listed.depots[sizeClass]!.length > 0) {
    const frames = released((release) => cache.drainOneOfDepot(sizeClass, release));
    assertEquals(frames, listed.depots[sizeClass]!.pop());
  }
}

Deno.test("magazines and depots take and give as the rule does (dma.md 4.5)", () => {
  const random = new Random(45);
  for (let round = 0; round < 6; round++) {
    const cpus = 1 + round % 3;
    const [cache, listed] = [new IovaCache(cpus), new ListedCache(cpus)];
    for (let step = 0; step < 80; step++) {
      doBoth(cache, listed, random, 1 + 200 * step);
      assertSame(cache, listed);
      cache.audit();
    }
  }
});

Deno.test("a frame is within a limit when its last one is, and a limit smaller than the size allows any (dma.md 4.3)", () => {
  const takes = (sizeClass: number, pfn: number, endPfn: number) => {
    const cache = new IovaCache(1);
    cache.put(0, sizeClass, pfn);
    return cache.take(0, sizeClass, endPfn);
  };
  for (let sizeClass = 0; sizeClass < CACHE_CLASSES; sizeClass++) {
    const pfns = 2 ** sizeClass;
    const ends = [pfns - 1, pfns, 64 + pfns - 1, 64 + pfns];
    assertEquals(ends.map((end) => takes(sizeClass, 64, end)), [64, 0, 0, 64]);
  }
});

Deno.test("empty magazines are filled again: what a cache once had room for needs no more (dma.md 4.5)", () => {
  const cache = new IovaCache(1);
  const most = 20 * MAGAZINE;
  const round = (giveBack: () => number) => {
    for (let pfn = 1; pfn <= most; pfn++) cache.put(0, 0, pfn);
    assertEquals(cache.depotSize(0), 18);
    assertEquals(giveBack(), most);
  };
  const byTaking = () => {
    let taken = 0;
    while (cache.take(0, 0, most + 1) !== 0) taken++;
    return taken;
  };
  const byDraining = () =>
    released((release) => {
      cache.drainCpu(0, release);
      cache.drainDepots(release);
    }).length;
  round(byTaking);
  const { hostBytes } = cache;
  // Six classes with two magazines each, after the capacity was doubled twice: 48 magazines of 128
  // places.
  assertEquals(hostBytes, 48 * (128 * 8 + 4));
  for (let again = 0; again < 20; again++) round(again % 2 === 0 ? byDraining : byTaking);
  assertEquals(cache.hostBytes, hostBytes);
});
