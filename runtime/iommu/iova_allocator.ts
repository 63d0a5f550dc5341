/**
 * The allocator of IO virtual addresses: first the per-CPU caches, then the search for a free
 * range.
 *
 * It works with page frame numbers. It emits no events; the domain that owns it does.
 *
 * @see rules/dma.md chapter 4
 */
import { invariant } from "../errno.ts";
import type { EventFields } from "../event_vocabulary.ts";
import type { TimerHandler, VirtualClock } from "../time/clock.ts";
import { CACHE_CLASSES, IovaCache } from "./iova_cache.ts";
import { IovaRanges } from "./iova_ranges.ts";

/**
 * Largest range that the caches keep, in granules: 128 KiB at 4 KiB. Not exported, because the engine constant-folds
 * only constants that are not exported (`iova.pair`).
 */
const MAX_CACHED = 2 ** (CACHE_CLASSES - 1);
export const MAX_CACHED_PFNS = MAX_CACHED;

/**
 * Number of granules that become available when the first `pfns` granules of a range are freed. The
 * caches store powers of two, so that number is rounded; a range that is too large for the caches
 * is freed as a whole.
 *
 * @see rules/dma.md 3.5 (size-class effect)
 */
export function freedPfns(pfns: number): number {
  return pfns > MAX_CACHED ? Infinity : 1 << classOf(pfns);
}

/** Time after which a depot that is too large frees one magazine, in nanoseconds. */
const DEPOT_DELAY_NS = 100_000_000;

const SOURCES: readonly IovaSource[] = ["rcache", "tree", "tree_after_flush"];
const DESTINATIONS: readonly IovaDestination[] = ["rcache", "tree", "depot"];
/** Indices in `SOURCES` and `DESTINATIONS`. */
const RCACHE = 0;
const TREE = 1;
const TREE_AFTER_FLUSH = 2;
const DEPOT = 2;

/** The origin of an allocated range. */
export type IovaSource = EventFields<"iova.alloc">["source"];
/** The destination of a freed range. */
export type IovaDestination = EventFields<"iova.free">["to"];

export interface IovaAllocatorOptions {
  readonly granuleBytes: number;
  readonly startPfn: number;
  readonly cpus: number;
  /** Clock for the timers of the depots' clean-up. */
  readonly clock: VirtualClock;
}

/**
 * The smallest size class that holds at least `pfns` frames. 0 frames, which are freed only by
 * mistake, belong to class 0.
 */
function classOf(pfns: number): number {
  return pfns <= 1 ? 0 : 32 - Math.clz32(pfns - 1);
}

/**
 * Number of frames for which a request of `pfns` frames searches: a size that the caches keep is
 * rounded up to a cache size.
 */
export function searchedPfns(pfns: number): number {
  return pfns > MAX_CACHED ? pfns : 1 << classOf(pfns);
}

/** The delayed clean-up of one size class: shrinks the depot by a magazine at a time (4.5). */
class DepotWorker implements TimerHandler {
  #pending = false;

  constructor(
    readonly allocator: IovaAllocator,
    readonly sizeClass: number,
    readonly clock: VirtualClock,
  ) {}

  /** Starts the delay if it is not running. */
  schedule(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.clock.arm(this, DEPOT_DELAY_NS);
  }

  /** Cancels the delay, if it is running. */
  stop(): void {
    this.clock.disarm(this);
    this.#pending = false;
  }

  timerExpired(): void {
    invariant(this.#pending, "A depot's timer expires that was not armed");
    this.#pending = false;
    if (this.allocator.shrinkDepot(this.sizeClass)) this.schedule();
  }
}

export class IovaAllocator {
  readonly ranges: IovaRanges;
  readonly cache: IovaCache;
  /**
   * Origin of the last allocation, as an index, because storing a number costs less than storing a
   * string (`iova.pair`).
   */
  #source = TREE;
  #destination = TREE;
  /** How many delayed clean-ups of a depot have run. */
  depotWorks = 0;

  readonly #online: Uint8Array;
  readonly #workers: DepotWorker[] = [];
  readonly #release = (pfn: number): void => {
    this.ranges.free(pfn);
  };

  constructor(options: IovaAllocatorOptions) {
    invariant(options.granuleBytes > 0, "IOVAs have no unit");
    this.ranges = new IovaRanges(options.startPfn, 2 ** 32 / options.granuleBytes);
    this.cache = new IovaCache(options.cpus);
    this.#online = new Uint8Array(options.cpus).fill(1);
    for (let sizeClass = 0; sizeClass < CACHE_CLASSES; sizeClass++) {
      this.#workers.push(new DepotWorker(this, sizeClass, options.clock));
    }
  }

  /**
   * Allocates a range, from the caches if they keep ranges of its size.
   *
   * @param pfns Frames wanted; a number up to 32 is rounded up to a power of two.
   * @param limitPfn Last usable frame.
   * @param flush Whether a failed search may empty all caches and try again.
   * @returns The first frame, or 0 when nothing fits.
   * @see rules/dma.md 4.3
   */
  allocFast(cpu: number, pfns: number, limitPfn: number, flush: boolean): number {
    if (pfns > MAX_CACHED) return this.#allocRange(pfns, limitPfn, flush);
    const sizeClass = classOf(pfns);
    const pfn = this.cache.take(cpu, sizeClass, limitPfn + 1);
    if (pfn === 0) return this.#allocRange(1 << sizeClass, limitPfn, flush);
    this.#source = RCACHE;
    return pfn;
  }

  #allocRange(pfns: number, limitPfn: number, flush: boolean): number {
    let pfn = this.ranges.alloc(pfns, limitPfn, true);
    this.#source = TREE;
    if (pfn === 0 && flush) {
      this.flushCaches();
      pfn = this.ranges.alloc(pfns, limitPfn, true);
      this.#source = TREE_AFTER_FLUSH;
    }
    return pfn;
  }

  /**
   * Frees a range into the cache of its size class.
   * @param pfns The requested size, not the rounded size, because the requested size decides the
   *   class.
   * @see rules/dma.md 4.3
   */
  freeFast(cpu: number, pfn: number, pfns: number): void {
    if (pfns > MAX_CACHED) {
      this.ranges.free(pfn);
      this.#destination = TREE;
      return;
    }
    const sizeClass = classOf(pfns);
    const spilled = this.cache.put(cpu, sizeClass, pfn);
    this.#destination = spilled ? DEPOT : RCACHE;
    if (spilled) this.#workers[sizeClass]!.schedule();
  }

  get lastSource(): IovaSource {
    return SOURCES[this.#source]!;
  }

  /** Set by code that allocates IOVAs itself instead of calling this class. */
  set lastSource(source: IovaSource) {
    this.#source = SOURCES.indexOf(source);
  }

  get lastDestination(): IovaDestination {
    return DESTINATIONS[this.#destination]!;
  }

  /** Empties the caches of all online CPUs, then the depots; the ranges in them become free. */
  flushCaches(): void {
    for (let cpu = 0; cpu < this.#online.length; cpu++) {
      if (this.#online[cpu] !== 0) this.cache.drainCpu(cpu, this.#release);
    }
    this.cache.drainDepots(this.#release);
  }

  /**
   * Frees the ranges of one magazine of a depot if the depot has more magazines than there are
   * online CPUs.
   */
  shrinkDepot(sizeClass: number): boolean {
    this.depotWorks++;
    if (this.cache.depotSize(sizeClass) <= this.onlineCpus) return false;
    this.cache.drainOneOfDepot(sizeClass, this.#release);
    return true;
  }

  /** Stops the delayed clean-ups; the next spill starts them again. */
  stopTimers(): void {
    for (const worker of this.#workers) worker.stop();
  }

  /** Empties the caches of a CPU that goes offline. */
  cpuDead(cpu: number): void {
    this.cache.drainCpu(cpu, this.#release);
    invariant(cpu < this.#online.length, "A CPU goes offline that there is not");
    this.#online[cpu] = 0;
  }

  /** Counts a CPU as online again. */
  cpuUp(cpu: number): void {
    this.#online[cpu] = 1;
  }

  get onlineCpus(): number {
    return this.#online.reduce((sum, isOnline) => sum + isOnline, 0);
  }
}
