/**
 * Which record of the driver a captured request used.
 *
 * A record lives on between its requests, so what one leaves there shows in the next. Without a
 * scheduler a request's tag names it. A scheduler has records of its own: they are taken when
 * requests are made, in the order of submission, while the tag is taken when a request is
 * dispatched, which a scheduler does in another order.
 */
import type { CaptureCase } from "./kernel_data.ts";

const TAG_BITS = 0xfff;
const TAGS = TAG_BITS + 1;

/** The record of each request that became a command, as a number. */
export class RequestRecords {
  readonly #numbers = new Map<CaptureCase, number>();

  /** @param cases The requests of a run, in the order in which they were mapped. */
  constructor(cases: readonly CaptureCase[]) {
    const batches = new Map<number, CaptureCase[]>();
    for (const captured of cases) {
      const { command, config, request } = captured;
      if (command === null) continue;
      this.#numbers.set(captured, tagOf(captured));
      if (config.scheduler === undefined || request.group === undefined) continue;
      const batch = batches.get(request.group);
      if (batch === undefined) batches.set(request.group, [captured]);
      else batch.push(captured);
    }
    // As many records as tags were taken for what was submitted together, in each order its own.
    for (const batch of batches.values()) {
      const numbers = batch.map(tagOf);
      const submitted = batch.toSorted((a, b) => firstSubmission(a) - firstSubmission(b));
      for (const [index, captured] of submitted.entries()) {
        this.#numbers.set(captured, numbers[index]!);
      }
    }
  }

  /** -1 for a request without a command: its record is unknown, and it leaves nothing behind. */
  numberOf(captured: CaptureCase): number {
    return this.#numbers.get(captured) ?? -1;
  }
}

function tagOf({ command, device }: CaptureCase): number {
  return (device?.sqid ?? 1) * TAGS + (command!.cid & TAG_BITS);
}

function firstSubmission({ request }: CaptureCase): number {
  return request.submissions?.[0] ?? 0;
}
