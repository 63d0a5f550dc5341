/**
 * A plug: a list of requests that one task has made and not yet sent, so that later bios can join
 * them.
 *
 * @see rules/block.md 1.5
 */
import { type Bytes, KIB } from "../address.ts";
import type { Bio } from "./bio.ts";
import type { RequestMerger } from "./merge.ts";
import type { BlockRequest } from "./request.ts";

/**
 * A queue that receives its requests, in order, when a plug is flushed.
 * @internal
 */
export interface PlugTarget<R extends BlockRequest> {
  /** Decides what may be joined in this queue. */
  readonly merger: RequestMerger;
  sendBatch(requests: readonly R[]): void;
}

/** A plug is flushed before it holds more requests than this. @see rules/block.md 1.5 */
const MOST_HELD = 32;
/** A request of at least this length is sent rather than held back for more joins. */
const LONG_BYTES: Bytes = 128 * KIB;

/** Value of the queue's `nomerges` setting that disables all merging. */
const NO_JOIN = 2;

interface Held<R extends BlockRequest> {
  readonly target: PlugTarget<R>;
  readonly request: R;
}

export class Plug<R extends BlockRequest = BlockRequest> {
  #held: Held<R>[] = [];

  /** Requests held back. */
  get count(): number {
    return this.#held.length;
  }

  /**
   * Joins a bio to the last request in the plug for the same queue.
   * @returns The request that now contains the bio, or null.
   */
  join(target: PlugTarget<R>, bio: Bio, nrSegments: number): R | null {
    const last = this.#held.findLast((held) => held.target === target);
    if (last === undefined) return null;
    return target.merger.join(last.request, bio, nrSegments) ? last.request : null;
  }

  /**
   * Adds a request to the plug. In releases that send a plug's requests newest first, the order of
   * sending depends on when the plug is flushed. In these releases, the plug is therefore flushed
   * at the same moments as in the kernel: before it holds more than `MOST_HELD` requests and, if
   * the queue allows joins, after a long request.
   */
  hold(target: PlugTarget<R>, request: R): void {
    const last = this.#held.at(-1);
    if (target.merger.plugsNewestFirst && last !== undefined) {
      const isLong = target.merger.nomerges !== NO_JOIN && last.request.bytes >= LONG_BYTES;
      if (isLong || this.#held.length >= MOST_HELD) this.flush();
    }
    this.#held.push({ target, request });
  }

  /**
   * Sends all requests. Consecutive requests of one queue are sent as one batch. The plug can be
   * used again.
   * @param asleep True if the task goes to sleep with requests in the plug. The oldest request is
   *   then sent first in every release.
   */
  flush(asleep = false): void {
    const held = this.#held;
    this.#held = [];
    if (!asleep && held[0]?.target.merger.plugsNewestFirst === true) held.reverse();
    let start = 0;
    while (start < held.length) {
      const { target } = held[start]!;
      let end = start;
      while (end < held.length && held[end]!.target === target) end++;
      target.sendBatch(held.slice(start, end).map(({ request }) => request));
      start = end;
    }
  }
}
