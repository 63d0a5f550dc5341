/**
 * The flush queue of lazy mode. Ranges that were unmapped in the table, but may still be in the
 * IOTLB, wait in the queue until one flush invalidates them all.
 *
 * There is a ring for each CPU, or one ring for all CPUs on hardware where a flush is costly.
 *
 * @see rules/dma.md 5.3
 */
import { invariant } from "../errno.ts";
import type { Nanoseconds } from "../address.ts";
import type { TimerHandler, VirtualClock } from "../time/clock.ts";
import type { IommuDomain } from "./domain.ts";

/** The cause of a flush of the whole domain: the `reason` of `flush_queue.flush`. */
export type FlushReason = "full" | "timer";

/** The methods of a domain that its flush queue calls. */
type FlushQueueOwner = Pick<IommuDomain, "flushAll" | "flushed" | "releaseRange" | "onTimer">;

export interface FlushQueueOptions {
  /** Number of rings: one for each CPU, or 1 for hardware with a shared queue. */
  readonly rings: number;
  /** Number of places of a ring: 256, or 32768 for a shared ring. One place always stays empty. */
  readonly entries: number;
  /** Time until the timer flushes: 10 ms, or 1000 ms for a shared ring. */
  readonly timeoutNs: Nanoseconds;
}

/** The ring size, and the timeout, that drivers of real hardware mostly use. */
export const PER_CPU_RING_ENTRIES = 256;
export const PER_CPU_TIMEOUT_NS: Nanoseconds = 10_000_000;

/**
 * The columns of a waiting range: its first frame, its number of frames, the number of flushes that
 * had started when it was queued, and the time. They lie side by side, which makes reads in lazy
 * mode faster (`nvme.read4k.lazy`). WIDTH is the number of columns.
 */
const RANGE = { PFN: 0, PFNS: 1, STAMP: 2, ADDED_NS: 3, WIDTH: 4 };

export class FlushQueue implements TimerHandler {
  readonly rings: number;
  readonly entries: number;
  readonly timeoutNs: Nanoseconds;
  /** Number of flushes of the whole domain: started, and finished. */
  started = 0;
  finished = 0;
  /** Whether the timer runs, and when it expires. */
  timerOn = false;
  timerAtNs: Nanoseconds = 0;

  readonly #owner: FlushQueueOwner;
  readonly #clock: VirtualClock;
  /** The numbers of each range, by ring, place and column of `RANGE`. */
  readonly #ranges: Float64Array;
  readonly #head: Int32Array;
  readonly #tail: Int32Array;

  constructor(owner: FlushQueueOwner, clock: VirtualClock, options: FlushQueueOptions) {
    this.rings = options.rings;
    this.entries = options.entries;
    this.timeoutNs = options.timeoutNs;
    this.#owner = owner;
    this.#clock = clock;
    invariant(options.rings > 0 && options.entries > 1, "A ring needs a place that stays empty");
    const places = options.rings * options.entries;
    this.#ranges = new Float64Array(RANGE.WIDTH * places);
    this.#head = new Int32Array(options.rings);
    this.#tail = new Int32Array(options.rings);
  }

  /** Parks a range in a CPU's ring; flushes everything when the ring is full. */
  add(cpu: number, pfn: number, pfns: number): void {
    const ring = this.rings === 1 ? 0 : cpu;
    invariant(ring < this.rings, "A CPU without a ring parks a range");
    this.#release(ring);
    const tail = this.#tail[ring]!;
    const next = this.#next(tail);
    if (next === this.#head[ring]) this.#flushFull(ring);
    const range = this.#rangeAt(ring, tail);
    this.#ranges[range + RANGE.PFN] = pfn;
    this.#ranges[range + RANGE.PFNS] = pfns;
    this.#ranges[range + RANGE.STAMP] = this.started;
    this.#ranges[range + RANGE.ADDED_NS] = this.#clock.nowNs;
    this.#tail[ring] = next;
    if (!this.timerOn) this.#startTimer();
  }

  /** Makes room in a full ring. */
  #flushFull(ring: number): void {
    this.#flushAll();
    this.#owner.flushed(this.#coveredIn(ring), "full");
    this.#release(ring);
    const next = this.#next(this.#tail[ring]!);
    invariant(next !== this.#head[ring], "A range is parked in a full ring");
  }

  timerExpired(): void {
    invariant(this.timerOn, "The flush timer expires while it is stopped");
    this.timerOn = false;
    this.#owner.onTimer(() => this.#flushEveryRing());
  }

  #flushEveryRing(): void {
    this.#flushAll();
    let covered = 0;
    for (let ring = 0; ring < this.rings; ring++) covered += this.#coveredIn(ring);
    this.#owner.flushed(covered, "timer");
    for (let ring = 0; ring < this.rings; ring++) this.#release(ring);
  }

  /**
   * Flushes and releases everything at once, and stops the timer. Does nothing if the queue is
   * empty.
   */
  drain(): void {
    if (this.timerOn) this.#clock.disarm(this);
    this.timerOn = false;
    if (this.pending > 0) this.#owner.onTimer(() => this.#flushEveryRing());
    invariant(this.pending === 0, "Ranges wait after a drain");
  }

  /** Number of ranges that wait for a flush, in all rings. */
  get pending(): number {
    let pending = 0;
    for (let ring = 0; ring < this.rings; ring++) pending += this.pendingIn(ring);
    return pending;
  }

  pendingIn(ring: number): number {
    invariant(ring < this.rings, "A ring is asked for that there is not");
    const length = this.#tail[ring]! - this.#head[ring]!;
    return length >= 0 ? length : length + this.entries;
  }

  /** The first used place and the next free place of a ring. */
  ends(ring: number): readonly [head: number, tail: number] {
    return [this.#head[ring]!, this.#tail[ring]!];
  }

  /**
   * The time when the waiting range that contains a frame was queued; -1 when there is no such
   * range. If several ranges contain the frame, the newest counts.
   */
  parkedAtNs(pfn: number): Nanoseconds {
    let newest = -1;
    this.forEach((first, pfns, _ring, addedNs) => {
      if (pfn >= first && pfn < first + pfns) newest = Math.max(newest, addedNs);
    });
    return newest;
  }

  /** Calls back with every range that waits, ring by ring, oldest first. */
  forEach(visit: (pfn: number, pfns: number, ring: number, addedNs: Nanoseconds) => void): void {
    for (let ring = 0; ring < this.rings; ring++) {
      for (let at = this.#head[ring]!; at !== this.#tail[ring]!; at = this.#next(at)) {
        const range = this.#rangeAt(ring, at);
        visit(
          this.#ranges[range + RANGE.PFN]!,
          this.#ranges[range + RANGE.PFNS]!,
          ring,
          this.#ranges[range + RANGE.ADDED_NS]!,
        );
      }
    }
  }

  #startTimer(): void {
    invariant(!this.timerOn, "The flush timer is armed twice");
    this.timerOn = true;
    this.timerAtNs = this.#clock.nowNs + this.timeoutNs;
    this.#clock.arm(this, this.timeoutNs);
  }

  #flushAll(): void {
    invariant(this.started === this.finished, "A flush begins inside another one");
    this.started++;
    this.#owner.flushAll();
    this.finished++;
  }

  /** Index of a range's first number in `#ranges`. */
  #rangeAt(ring: number, place: number): number {
    return RANGE.WIDTH * (ring * this.entries + place);
  }

  #next(place: number): number {
    return place + 1 === this.entries ? 0 : place + 1;
  }

  /** Number of ranges at a ring's head that are covered by a finished flush. */
  #coveredIn(ring: number): number {
    let covered = 0;
    for (let at = this.#head[ring]!; at !== this.#tail[ring]!; at = this.#next(at)) {
      if (this.#ranges[this.#rangeAt(ring, at) + RANGE.STAMP]! >= this.finished) break;
      covered++;
    }
    return covered;
  }

  #release(ring: number): void {
    let at = this.#head[ring]!;
    while (at !== this.#tail[ring]!) {
      const range = this.#rangeAt(ring, at);
      if (this.#ranges[range + RANGE.STAMP]! >= this.finished) break;
      at = this.#next(at);
      this.#head[ring] = at;
      const pfns = this.#ranges[range + RANGE.PFNS]!;
      invariant(pfns >= 0, "A flush releases less than nothing");
      this.#owner.releaseRange(this.#ranges[range + RANGE.PFN]!, pfns);
    }
  }
}
