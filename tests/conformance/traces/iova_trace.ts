/** Replays a trace of the raw IOVA allocator (tests/golden/iova, all but `dma-*`), without files. */
import { type Difference, firstDifference, type Json } from "../difference.ts";
import { VirtualClock } from "../../../runtime/clock.ts";
import { IovaAllocator } from "../../../runtime/iommu/iova_allocator.ts";
import { CACHE_CLASSES } from "../../../runtime/iommu/iova_cache.ts";

/** One line of a trace: an operation with its arguments and its recorded results. */
export type TraceLine = Readonly<Record<string, unknown>> & { readonly op: string };

/** A trace must begin with the making of what it is about. */
export const NO_INIT: Difference = { path: "op", expected: "init", got: undefined };

const MS = 1_000_000;

/** Compares each field that `answer` has with the recorded line. */
export function compareFields(
  line: TraceLine,
  answer: Readonly<Record<string, unknown>>,
): Difference | null {
  for (const [name, value] of Object.entries(answer)) {
    const found = firstDifference((line[name] ?? null) as Json, value as Json, name);
    if (found !== null) return found;
  }
  return null;
}

/** A life of one allocator, fed line by line. */
export class IovaTrace {
  #clock = new VirtualClock();
  #allocator: IovaAllocator | null = null;
  #cpus = 0;

  /** Performs one line; returns what differs from the record, or null. */
  run(line: TraceLine): Difference | null {
    if (line.op === "init") {
      this.#cpus = line.cpus as number;
      this.#allocator = new IovaAllocator({
        granuleBytes: line.granule as number,
        startPfn: line.start_pfn as number,
        cpus: this.#cpus,
        clock: this.#clock,
      });
      return compareFields(line, { dma_32bit_pfn: this.#allocator.ranges.dma32Pfn });
    }
    const allocator = this.#allocator;
    if (allocator === null) return NO_INIT;
    return compareFields(line, this.#answer(allocator, line));
  }

  #answer(allocator: IovaAllocator, line: TraceLine): Record<string, unknown> {
    const number = (name: string) => line[name] as number;
    const { ranges } = allocator;
    switch (line.op) {
      case "alloc_fast":
        return {
          pfn: allocator.allocFast(
            number("cpu"),
            number("size"),
            number("limit_pfn"),
            line.flush as boolean,
          ),
        };
      case "free_fast":
        allocator.freeFast(number("cpu"), number("pfn"), number("size"));
        return {};
      case "alloc": {
        const lo = ranges.alloc(number("size"), number("limit_pfn"), line.aligned as boolean);
        return lo === 0 ? { lo: null, hi: null } : { lo, hi: lo + number("size") - 1 };
      }
      case "free":
        ranges.free(number("pfn"));
        return {};
      case "reserve":
        ranges.reserve(number("lo"), number("hi"));
        return { out_lo: ranges.foundLo, out_hi: ranges.foundHi };
      case "find":
        return ranges.find(number("pfn"))
          ? { lo: ranges.foundLo, hi: ranges.foundHi }
          : { lo: null, hi: null };
      case "advance": {
        const before = allocator.depotWorks;
        this.#clock.advance(number("ms") * MS);
        return { works: allocator.depotWorks - before, now: this.#clock.nowNs / MS };
      }
      case "cpu_dead":
        allocator.cpuDead(number("cpu"));
        return { online: allocator.onlineCpus };
      case "cpu_up":
        allocator.cpuUp(number("cpu"));
        return { online: allocator.onlineCpus };
      case "state":
        return this.#state(allocator, line.ranges !== undefined);
      default:
        return { op: `unknown operation ${line.op}` };
    }
  }

  #state(allocator: IovaAllocator, withRanges: boolean): Record<string, unknown> {
    const { ranges, cache } = allocator;
    const list: [number, number][] = [];
    let pages = 0;
    ranges.forEach((lo, hi) => {
      list.push([lo, hi]);
      pages += hi - lo + 1;
    });
    const rcache = [];
    for (let sizeClass = 0; sizeClass < CACHE_CLASSES; sizeClass++) {
      const cpu = [];
      for (let index = 0; index < this.#cpus; index++) cpu.push(cache.fills(index, sizeClass));
      rcache.push({ depot: cache.depotSize(sizeClass), cpu });
    }
    return {
      nodes: ranges.count,
      pages,
      cached: ranges.cursor64Pfn ?? "anchor",
      cached32: ranges.cursor32Pfn ?? "anchor",
      max32_alloc_size: ranges.max32AllocPfns,
      rcache,
      ...(withRanges ? { ranges: list } : {}),
    };
  }
}
