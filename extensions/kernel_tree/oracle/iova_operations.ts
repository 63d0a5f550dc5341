/** Operations on an IOVA allocator, and the model's results of them. */
import { CACHE_CLASSES, IovaAllocator, VirtualClock } from "@dmalab/runtime";
import type { Implementation, OperationResult } from "./compare.ts";

/** One operation, with its arguments under the field names of the golden data. */
export type IovaOperation =
  | {
    readonly op: "init";
    readonly granule: number;
    readonly start_pfn: number;
    readonly cpus: number;
  }
  | {
    readonly op: "alloc_fast";
    readonly cpu: number;
    readonly size: number;
    readonly limit_pfn: number;
    readonly flush: boolean;
  }
  | { readonly op: "free_fast"; readonly cpu: number; readonly pfn: number; readonly size: number }
  | {
    readonly op: "alloc";
    readonly size: number;
    readonly limit_pfn: number;
    readonly aligned: boolean;
  }
  | { readonly op: "free" | "find"; readonly pfn: number }
  | { readonly op: "reserve"; readonly lo: number; readonly hi: number }
  | { readonly op: "advance"; readonly ms: number }
  | { readonly op: "cpu_dead" | "cpu_up"; readonly cpu: number }
  | { readonly op: "state"; readonly ranges?: unknown };

const MS = 1_000_000;

/** The simulated allocator. */
export class IovaModel implements Implementation<IovaOperation> {
  readonly #clock = new VirtualClock();
  #allocator: IovaAllocator | null = null;
  #cpus = 0;

  /** @throws {RangeError} If the first operation is not `init`. */
  run(operation: IovaOperation): OperationResult {
    if (operation.op === "init") {
      this.#cpus = operation.cpus;
      this.#allocator = new IovaAllocator({
        granuleBytes: operation.granule,
        startPfn: operation.start_pfn,
        cpus: this.#cpus,
        clock: this.#clock,
      });
      return { dma_32bit_pfn: this.#allocator.ranges.dma32Pfn };
    }
    if (this.#allocator === null) throw new RangeError("The first operation must be `init`");
    return this.#answer(this.#allocator, operation);
  }

  #answer(
    allocator: IovaAllocator,
    operation: Exclude<IovaOperation, { op: "init" }>,
  ): OperationResult {
    const { ranges } = allocator;
    switch (operation.op) {
      case "alloc_fast": {
        const { cpu, flush, limit_pfn, size } = operation;
        return { pfn: allocator.allocFast(cpu, size, limit_pfn, flush) };
      }
      case "free_fast":
        allocator.freeFast(operation.cpu, operation.pfn, operation.size);
        return {};
      case "alloc": {
        const { aligned, limit_pfn, size } = operation;
        const lo = ranges.alloc(size, limit_pfn, aligned);
        return lo === 0 ? { lo: null, hi: null } : { lo, hi: lo + size - 1 };
      }
      case "free":
        ranges.free(operation.pfn);
        return {};
      case "reserve":
        ranges.reserve(operation.lo, operation.hi);
        return { out_lo: ranges.foundLo, out_hi: ranges.foundHi };
      case "find":
        return ranges.find(operation.pfn)
          ? { lo: ranges.foundLo, hi: ranges.foundHi }
          : { lo: null, hi: null };
      case "advance": {
        const before = allocator.depotWorks;
        this.#clock.advance(operation.ms * MS);
        return { works: allocator.depotWorks - before, now: this.#clock.nowNs / MS };
      }
      case "cpu_dead":
        allocator.cpuDead(operation.cpu);
        return { online: allocator.onlineCpus };
      case "cpu_up":
        allocator.cpuUp(operation.cpu);
        return { online: allocator.onlineCpus };
      case "state":
        return this.#state(allocator, operation.ranges !== undefined);
    }
  }

  #state(allocator: IovaAllocator, withRanges: boolean): OperationResult {
    const { cache, ranges } = allocator;
    const list: (readonly [number, number])[] = [];
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
