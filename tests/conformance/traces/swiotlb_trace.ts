/** Replays a trace of the bounce-buffer pool (tests/golden/swiotlb), without files. */
import { PoolModel, type PoolOperation } from "@dmalab/kernel_tree/oracle";
import type { Difference } from "../difference.ts";
import { compareFields, type IovaTraceLine, NO_INIT } from "./iova_trace.ts";

/** A life of one pool, fed line by line. */
export class SwiotlbTrace {
  readonly #model = new PoolModel();
  #isMade = false;

  /** Performs one line; returns what differs from the record, or null. */
  run(line: IovaTraceLine): Difference | null {
    if (line.op === "init") this.#isMade = true;
    else if (!this.#isMade) return NO_INIT;
    const answer = this.#model.run(line as PoolOperation);
    return compareFields(line, recordedPool(line, answer));
  }
}

/** Of a result what a line records. */
export function recordedPool(
  line: IovaTraceLine,
  answer: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(answer).filter(([name]) => name in line || name !== "used_runs"),
  );
}
