/**
 * Requests that the record of a run lost.
 *
 * A run says how many it dropped (`limits.json`), and the requests are numbered, so that a hole in
 * the numbers tells where. Nothing is known of such a request; what is known is that there was one.
 */
import type { BlockRequest } from "@dmalab/runtime/block";
import { type CaptureCase, type CaptureEnvironment, caseNumber } from "./kernel_data.ts";

/** What of a case tells its place. */
type Numbered = Pick<CaptureCase, "id" | "request">;

export class LostRequests {
  /** Numbers that no request of the run has, between the first and the last. */
  readonly #missing = new Set<number>();

  /** @param cases All requests of the run. */
  constructor({ dropped = 0 }: CaptureEnvironment, cases: readonly Numbered[]) {
    if (dropped === 0) return;
    const numbers = new Set(cases.map(({ id }) => caseNumber(id)));
    const last = Math.max(...numbers);
    for (let number = Math.min(...numbers); number < last; number++) {
      if (!numbers.has(number)) this.#missing.add(number);
    }
  }

  /**
   * The requests of a call that the record can show.
   * @param got All that the model made of the call.
   * @param recorded Those the record has.
   */
  withoutLost<R extends BlockRequest>(
    got: readonly R[],
    recorded: readonly Numbered[],
  ): readonly R[] {
    let lost = this.#missingBeside(recorded);
    if (lost === 0) return got;
    const sectors = new Set(recorded.map(({ request }) => request.slba));
    return got.filter(({ sector }) => sectors.has(sector) || lost-- <= 0);
  }

  /**
   * How many numbers are missing right before, between and right behind those of some cases. Of a
   * call that left no trace at all any of the missing ones may be.
   */
  #missingBeside(recorded: readonly Numbered[]): number {
    if (recorded.length === 0) return this.#missing.size;
    const beside = new Set<number>();
    for (const { id } of recorded) {
      for (const step of [-1, 1]) {
        let number = caseNumber(id) + step;
        for (; this.#missing.has(number); number += step) beside.add(number);
      }
    }
    return beside.size;
  }
}
