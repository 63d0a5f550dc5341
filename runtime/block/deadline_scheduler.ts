/**
 * The scheduler `mq-deadline`: requests wait in it, sorted by sector, until a worker takes them.
 *
 * Reads are dispatched before writes; writes are passed over a limited number of times. A batch of
 * one direction continues upwards from the sector where the last batch of that direction ended. It
 * starts with the oldest request instead when no request lies at a higher sector, or when the
 * oldest has waited too long. The parameters are the scheduler's documented ones with their default
 * values; the order agrees with captured dispatches.
 *
 * @see rules/block.md 1.5, "Scheduler in front of the driver"
 */
import { invariant } from "../errno.ts";
import { type Nanoseconds, SECTOR_SIZE_BYTES } from "../address.ts";
import type { VirtualClock } from "../time/clock.ts";
import type { Bio } from "./bio.ts";
import type { RequestMerger } from "./merge.ts";
import type { BlockRequest } from "./request.ts";

/** How long a request may wait before it begins a batch (`read_expire`, `write_expire`). */
const READ_EXPIRE_NS: Nanoseconds = 500e6;
const WRITE_EXPIRE_NS: Nanoseconds = 5e9;
/** Largest number of requests in one batch (`fifo_batch`). */
const BATCH_REQUESTS = 16;
/** How often writes may be passed over in favour of reads (`writes_starved`). */
const MAX_STARVED = 2;

interface Waiting<R> {
  readonly request: R;
  readonly expiresNs: Nanoseconds;
}

class Direction<R extends BlockRequest> {
  /** Waiting requests in the order of their arrival. */
  readonly fifo: Waiting<R>[] = [];
  /** Sector of the request that was taken last. */
  lastSector = 0;

  constructor(readonly expireNs: Nanoseconds) {}

  /** The waiting request with the lowest sector at or after `lastSector`. */
  get ahead(): R | null {
    let found: R | null = null;
    for (const { request } of this.fifo) {
      if (request.sector < this.lastSector) continue;
      if (found === null || request.sector < found.sector) found = request;
    }
    return found;
  }

  remove(request: R): void {
    this.fifo.splice(this.fifo.findIndex((waiting) => waiting.request === request), 1);
  }
}

export class DeadlineScheduler<R extends BlockRequest> {
  readonly #clock: VirtualClock;
  readonly #reads = new Direction<R>(READ_EXPIRE_NS);
  readonly #writes = new Direction<R>(WRITE_EXPIRE_NS);
  /** The direction of the current batch; `#batched` counts the requests it has dispatched. */
  #batch: Direction<R> = this.#reads;
  #batched = BATCH_REQUESTS;
  #starved = 0;
  #joinedLast: R | null = null;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#reads.fifo.length + this.#writes.fifo.length;
  }

  /** All waiting requests: reads first, then writes, each in the order of their arrival. */
  get #waiting(): readonly R[] {
    return [...this.#reads.fifo, ...this.#writes.fifo].map(({ request }) => request);
  }

  insert(request: R): void {
    const direction = this.#directionOf(request);
    direction.fifo.push({ request, expiresNs: this.#clock.nowNs + direction.expireNs });
  }

  /**
   * Joins a bio to a waiting request. Tries three requests in this order: the one joined last, one
   * that ends where the bio begins, one that begins where the bio ends.
   *
   * @returns The request that now contains the bio, or null.
   */
  join(merger: RequestMerger, bio: Bio, nrSegments: number): R | null {
    for (const request of this.#candidates(merger, bio)) {
      if (!merger.join(request, bio, nrSegments)) continue;
      this.#joinedLast = request;
      return request;
    }
    return null;
  }

  #candidates(merger: RequestMerger, bio: Bio): readonly R[] {
    const last = this.#joinedLast;
    if (merger.nomerges !== 0) return last === null ? [] : [last];
    const endSector = bio.sector + bio.sizeBytes / SECTOR_SIZE_BYTES;
    const waiting = this.#waiting;
    const behind = waiting.filter((request) => endOf(request) === bio.sector);
    const before = waiting.filter(({ sector }) => sector === endSector);
    return [...last === null ? [] : [last], ...behind, ...before];
  }

  /**
   * Called when a request has grown: joins it to the request that it now touches, if both requests
   * still wait in the scheduler.
   *
   * @returns The joined pair. `gone`, the request at the higher sector, is removed from the queue.
   *   Null if nothing is joined.
   */
  joinNeighbour(
    merger: RequestMerger,
    grown: R,
  ): { readonly kept: R; readonly gone: R } | null {
    if (merger.nomerges !== 0) return null;
    for (const other of this.#waiting) {
      const isBehind = endOf(grown) === other.sector;
      if (!isBehind && endOf(other) !== grown.sector) continue;
      const [kept, gone] = isBehind ? [grown, other] : [other, grown];
      if (!merger.joinRequests(kept, gone)) continue;
      invariant(kept !== gone, "A request joins itself");
      this.#directionOf(gone).remove(gone);
      if (this.#joinedLast === gone) this.#joinedLast = kept;
      return { kept, gone };
    }
    return null;
  }

  /** Removes and returns the request to send next; null when none waits. */
  next(): R | null {
    let direction = this.#batch;
    let request = this.#batched < BATCH_REQUESTS ? direction.ahead : null;
    if (request === null) {
      direction = this.#nextDirection();
      const [oldest] = direction.fifo;
      if (oldest === undefined) return null;
      const ahead = oldest.expiresNs <= this.#clock.nowNs ? null : direction.ahead;
      request = ahead ?? oldest.request;
      this.#batch = direction;
      this.#batched = 0;
    }
    invariant(this.#batched < BATCH_REQUESTS, "A batch of requests is too long");
    this.#batched++;
    direction.remove(request);
    direction.lastSector = request.sector;
    if (this.#joinedLast === request) this.#joinedLast = null;
    return request;
  }

  #nextDirection(): Direction<R> {
    const { length: writes } = this.#writes.fifo;
    if (this.#reads.fifo.length !== 0 && (writes === 0 || this.#starved < MAX_STARVED)) {
      if (writes !== 0) this.#starved++;
      return this.#reads;
    }
    this.#starved = 0;
    return this.#writes;
  }

  #directionOf({ op }: R): Direction<R> {
    return op === "read" ? this.#reads : this.#writes;
  }
}

/** The first sector after a request. */
function endOf(request: BlockRequest): number {
  return request.sector + request.bytes / SECTOR_SIZE_BYTES;
}
