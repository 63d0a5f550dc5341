/**
 * The allocator of IO virtual addresses: per-CPU caches first, then the search for a free range.
 *
 * It speaks in page frame numbers and makes no events; the domain that owns it does.
 *
 * @see rules/dma.md chapter 4
 */
import { invariant } from "../errno.ts";
import type { EventFields } from "../event_vocabulary.ts";
import type { TimerHandler, VirtualClock } from "../time/clock.ts";
import { CACHE_CLASSES, IovaCache } from "./iova_cache.ts";
import { IovaRanges } from "./iova_ranges.ts";

/** Largest range that the caches keep, in granules: 128 KiB at 4 KiB. The engine folds what is not exported (`iova.pair`). */
const MAX_CACHED = 2 ** (CACHE_CLASSES - 1);
export const MAX_CACHED_PFNS = MAX_CACHED;

/**
 * How many granules become available when so many from a range's start on are freed: the caches keep
 * powers of two, and a range that is too large for them goes as a whole.
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
/** Their places in these lists. */
const RCACHE = 0;
const TREE = 1;
const TREE_AFTER_FLUSH = 2;
const DEPOT = 2;

/** Where the last allocation's range came from. */
export type IovaSource = EventFields<"iova.alloc">["source"];
/** Where the last freed range went. */
export type IovaDestination = EventFields<"iova.free">["to"];

export interface IovaAllocatorOptions {
  readonly granuleBytes: number;
  readonly startPfn: number;
  readonly cpus: number;
  /** Drives the depots' clean-up. */
  readonly clock: VirtualClock;
}

/**
 * The smallest class with a size of at least `pfns`; 0 frames, freed by mistake, are of class 0.
 */
function classOf(pfns: number): number {
  return pfns <= 1 ? 0 : 32 - Math.clz32(pfns - 1);
}

/**
 * Frames that a search looks for at a request for so many: ranges for caches have the caches'
 * sizes.
 */
export function searchedPfns(pfns: number): number {
  return pfns > MAX_CACHED ? pfns : 1 << classOf(pfns);
}

/** One class's delayed clean-up: shrinks the depot by a magazine at a time (4.5). */
class DepotWorker implements TimerHandler {
  #pending = false;

  constructor(
    readonly allocator: IovaAllocator,
    readonly sizeClass: number,
    readonly clock: VirtualClock,
  ) {}

  /** Starts the delay unless it runs already. */
  schedule(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.clock.arm(this, DEPOT_DELAY_NS);
  }

  /** Forgets the delay, if one runs. */
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
  /** The place of the last one: noting a place costs less than noting a word (`iova.pair`). */
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
   * Takes a range, from the caches if its size is one of theirs.
   *
   * @param pfns Frames wanted; below 32 they are rounded up to a power of two.
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
   * Frees a range, to the cache of the class its size belongs to.
   * @param pfns The size asked for, not the rounded one: it decides the class.
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

  /** For code that answers in the allocator's place. */
  set lastSource(source: IovaSource) {
    this.#source = SOURCES.indexOf(source);
  }

  get lastDestination(): IovaDestination {
    return DESTINATIONS[this.#destination]!;
  }

  /** Empties the caches of all online CPUs, then the depots, into the free space. */
  flushCaches(): void {
    for (let cpu = 0; cpu < this.#online.length; cpu++) {
      if (this.#online[cpu] !== 0) this.cache.drainCpu(cpu, this.#release);
    }
    this.cache.drainDepots(this.#release);
  }

  /** Gives one magazine of a depot back if it holds more than the number of online CPUs. */
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

  /** A CPU goes away: its caches are emptied. */
  cpuDead(cpu: number): void {
    this.cache.drainCpu(cpu, this.#release);
    invariant(cpu < this.#online.length, "A CPU goes offline that there is not");
    this.#online[cpu] = 0;
  }

  /** A CPU counts as online again. */
  cpuUp(cpu: number): void {
    this.#online[cpu] = 1;
  }

  get onlineCpus(): number {
    return this.#online.reduce((sum, isOnline) => sum + isOnline, 0);
  }
}
