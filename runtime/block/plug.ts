/**
 * A plug: requests that one task has made and holds back, so that what follows can join them.
 *
 * @see rules/block.md 1.5
 */
import type { Bio } from "./bio.ts";
import type { RequestMerger } from "./merge.ts";
import type { BlockRequest } from "./request.ts";

/**
 * Takes the requests of one queue that a flushed plug gives away, in order.
 * @internal
 */
export interface PlugTarget<R extends BlockRequest> {
  /** Decides what may be joined in this queue. */
  readonly merger: RequestMerger;
  sendBatch(requests: readonly R[]): void;
}

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
   * Joins a bio to the last request that is held back for its queue.
   * @returns The request that it is part of now, or null.
   */
  join(target: PlugTarget<R>, bio: Bio, nrSegments: number): R | null {
    const last = this.#held.findLast((held) => held.target === target);
    if (last === undefined) return null;
    return target.merger.join(last.request, bio, nrSegments) ? last.request : null;
  }

  hold(target: PlugTarget<R>, request: R): void {
    this.#held.push({ target, request });
  }

  /** Sends everything, a run of requests of one queue as one batch. The plug can be used again. */
  flush(): void {
    const held = this.#held;
    this.#held = [];
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
