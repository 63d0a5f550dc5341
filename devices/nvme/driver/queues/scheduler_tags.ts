/**
 * The tags of a queue that has a scheduler in front: a request has one from its submission to its
 * end, and the driver's record of it belongs to that tag. The tag in the command id is another one,
 * which it has only while it is with the driver.
 *
 * @see rules/nvme.md 2.5, "Records and tags"
 */
import { invariant } from "@dmalab/runtime";
import { TagMap } from "@dmalab/runtime/block";
import { type DescriptorPools, Iod, type NvmeRequest } from "../request.ts";
import { RequestFifo } from "./request_fifo.ts";

/** More tags of the driver than this do not count. */
const MAX_COUNTED_TAGS = 128;

/** Requests that a queue with a scheduler can have at a time (`nr_requests`), by its driver's tags. */
export function scheduledRequests(driverTags: number): number {
  return 2 * Math.min(driverTags, MAX_COUNTED_TAGS);
}

export class SchedulerTags {
  readonly #tags: TagMap;
  readonly #pools: DescriptorPools;
  readonly #records: (Iod | undefined)[] = [];
  readonly #waiting = new RequestFifo();

  /** @param driverTags Tags of the driver's queue. */
  constructor(driverTags: number, pools: DescriptorPools) {
    this.#tags = new TagMap(scheduledRequests(driverTags));
    this.#pools = pools;
  }

  /** Requests that can be submitted at a time (`nr_requests`). */
  get count(): number {
    return this.#tags.depth;
  }

  /** Allocates a tag for a request. @returns False when it has to wait for one. */
  take(request: NvmeRequest): boolean {
    // What writes, and is no command of a user's own, is limited in depth.
    const isLimited = request.op !== "read" && request.op !== "flush" && !request.userCommand;
    invariant(request.schedulerTag < 0, "A request takes a second tag of the scheduler");
    request.schedulerTag = this.#tags.take(isLimited);
    if (request.schedulerTag >= 0) return true;
    this.#waiting.push(request);
    return false;
  }

  recordOf({ schedulerTag }: NvmeRequest): Iod {
    invariant(schedulerTag >= 0, "A request without a tag of the scheduler has no record");
    return this.#records[schedulerTag] ??= new Iod(schedulerTag, this.#pools);
  }

  /** Gives up the requests that wait for a tag. */
  abandon(): readonly NvmeRequest[] {
    const waiting: NvmeRequest[] = [];
    for (let next = this.#waiting.shift(); next !== null; next = this.#waiting.shift()) {
      waiting.push(next);
    }
    return waiting;
  }

  /** Frees a request's tag. @returns The request that waited for one and has it now, or null. */
  release(request: NvmeRequest): NvmeRequest | null {
    this.#tags.free(request.schedulerTag);
    request.schedulerTag = -1;
    const next = this.#waiting.shift();
    return next !== null && this.take(next) ? next : null;
  }
}
