/**
 * Which record of the driver a captured request used.
 *
 * A record lives on between its requests, so what one leaves there shows in the next. Without a
 * scheduler a request's tag names it. A scheduler has records of its own, one for each of its tags:
 * these are worked out, for no command shows them.
 *
 * @see rules/nvme.md 2.5, "Records and tags"
 */
import { TagMap } from "@dmalab/runtime/block";
import type { CaptureCase } from "./kernel_data.ts";

const TAG_BITS = 0xfff;
const TAGS = TAG_BITS + 1;
/** The captured queues have far more tags of the driver than the scheduler counts. */
const SCHEDULER_TAGS = 256;

/** The record of each request that became a command, as a number. */
export class RequestRecords {
  readonly #numbers = new Map<CaptureCase, number>();
  /** By the queue of the controller: each has tags of its own. */
  readonly #tags = new Map<number, TagMap>();

  /** @param cases The requests of a run, in the order in which they were mapped. */
  constructor(cases: readonly CaptureCase[]) {
    for (let start = 0; start < cases.length;) {
      const { config, request: { group } } = cases[start]!;
      let end = start + 1;
      while (end < cases.length && group !== undefined && cases[end]!.request.group === group) {
        end++;
      }
      const together = cases.slice(start, end);
      if (config.scheduler !== undefined) this.#schedule(together);
      else for (const captured of together) this.#numbers.set(captured, tagOf(captured));
      start = end;
    }
  }

  /** Requests of one system call, or of several submitted together: nothing else runs beside them. */
  #schedule(together: readonly CaptureCase[]): void {
    const taken = new Map<CaptureCase, number>();
    for (const captured of together.toSorted((a, b) => firstSubmission(a) - firstSubmission(b))) {
      const { op, user_command } = captured.request;
      taken.set(captured, this.#tagsOf(captured).take(op !== "read" && !user_command));
    }
    for (const captured of together) {
      const tag = taken.get(captured)!;
      this.#tagsOf(captured).free(tag);
      this.#numbers.set(captured, queueOf(captured) * TAGS + tag);
    }
  }

  #tagsOf(captured: CaptureCase): TagMap {
    const queue = queueOf(captured);
    return this.#tags.getOrInsertComputed(queue, () => new TagMap(SCHEDULER_TAGS));
  }

  /** -1 for a request without a command: its record is unknown, and it leaves nothing behind. */
  numberOf(captured: CaptureCase): number {
    return captured.command === null ? -1 : this.#numbers.get(captured) ?? -1;
  }
}

function queueOf({ device }: CaptureCase): number {
  return device?.sqid ?? 1;
}

function tagOf(captured: CaptureCase): number {
  return queueOf(captured) * TAGS + ((captured.command?.cid ?? 0) & TAG_BITS);
}

function firstSubmission({ request }: CaptureCase): number {
  return request.submissions?.[0] ?? 0;
}
