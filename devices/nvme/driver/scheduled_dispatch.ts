/**
 * The layer between a disk and its driver if the disk's queue has a scheduler. Requests wait in the
 * scheduler until a worker dispatches them, and later bios can be merged into them.
 *
 * @see rules/block.md 1.5, "Scheduler in front of the driver"; nvme.md 2.5, "Records and tags"
 */
import {
  type ActivityHandler,
  type Bio,
  BLK_STS,
  DeadlineScheduler,
  type RequestMerger,
} from "@dmalab/runtime";
import type { NvmeDriver } from "./nvme_driver.ts";
import type { QueuePair } from "./queues.ts";
import type { NvmeRequest } from "./request.ts";

/** The disk above a scheduler. */
export interface ScheduledDisk {
  readonly merger: RequestMerger;
  /** Allocates the ranges of a discard; false if there is no memory. */
  attachRanges(request: NvmeRequest): boolean;
}

export class ScheduledDispatch implements ActivityHandler {
  /** The disk above the scheduler; null before the disk exists. */
  disk: ScheduledDisk | null = null;

  readonly #driver: NvmeDriver;
  readonly #scheduler: DeadlineScheduler<NvmeRequest>;
  /** Whether the worker has been posted. */
  #isDue = false;

  constructor(driver: NvmeDriver) {
    this.#driver = driver;
    this.#scheduler = new DeadlineScheduler(driver.machine.clock);
  }

  /**
   * Takes a request: user commands and flushes bypass the scheduler, all others wait for the
   * worker.
   */
  submit(request: NvmeRequest): void {
    const tags = this.#queueOf(request)?.schedulerTags ?? null;
    if (tags === null) {
      this.#driver.post(request);
      return;
    }
    if (!tags.take(request)) return;
    this.#insert(request);
    this.#joinNeighbours(request);
  }

  /**
   * Merges a bio into a request that waits in the scheduler.
   * @returns The request of which the bio is now a part, or null.
   */
  join(bio: Bio, nrSegments: number): NvmeRequest | null {
    if (this.disk === null) return null;
    const joined = this.#scheduler.join(this.disk.merger, bio, nrSegments);
    return joined === null ? null : this.#joinNeighbours(joined);
  }

  /** Called when a request has ended: its scheduler tag goes to a waiting request. */
  ended(request: NvmeRequest): void {
    if (request.schedulerTag < 0) return;
    const next = this.#queueOf(request)?.schedulerTags?.release(request) ?? null;
    if (next !== null) this.#insert(next);
  }

  /**
   * Moves a request to another queue, because the request's queue was removed together with the
   * request's scheduler tag.
   */
  moved(request: NvmeRequest): void {
    request.schedulerTag = -1;
    this.submit(request);
  }

  /** Called when the driver can take another command. */
  tagFreed(): void {
    if (this.#scheduler.size > 0) this.#runSoon();
  }

  /** The worker: dispatches waiting requests, as long as the driver has tags. */
  runActivity(): void {
    this.#isDue = false;
    const batch: NvmeRequest[] = [];
    for (let next = this.#scheduler.next(); next !== null; next = this.#scheduler.next()) {
      if (next.op === "discard" && this.disk?.attachRanges(next) === false) {
        this.#refuse(next);
        continue;
      }
      batch.push(next);
      const queue = this.#queueOf(next);
      if (queue !== undefined && queue.inFlight + batch.length >= queue.tags) break;
    }
    this.#driver.dispatchBatch(batch);
  }

  /**
   * Ends a request for which there is no memory. The event is attributed to this request, not to
   * the worker.
   */
  #refuse(request: NvmeRequest): void {
    const { context } = this.#driver.machine.events;
    const before = context.enter(request);
    this.#driver.end(request, BLK_STS.RESOURCE);
    context.leave(before);
  }

  #insert(request: NvmeRequest): void {
    if (request.userCommand || request.op === "flush") {
      this.#driver.post(request);
      return;
    }
    this.#scheduler.insert(request);
    this.#runSoon();
  }

  /** The queue of a request; undefined if the queue was removed. */
  #queueOf(request: NvmeRequest): QueuePair | undefined {
    return this.#driver.queues.get(request.queue);
  }

  #runSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const { dev, machine } = this.#driver;
    machine.activities.postWork(dev.name, this, 0, 0);
  }

  /**
   * Merges a request with its neighbours on the disk, after the request has grown.
   * @returns The request of which the grown request is now a part.
   */
  #joinNeighbours(grown: NvmeRequest): NvmeRequest {
    let whole = grown;
    for (;;) {
      const joined = this.disk === null
        ? null
        : this.#scheduler.joinNeighbour(this.disk.merger, whole);
      if (joined === null) return whole;
      joined.gone.mergeInto(joined.kept);
      this.ended(joined.gone);
      whole = joined.kept;
    }
  }
}
