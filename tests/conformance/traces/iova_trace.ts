/** Replays a trace of the raw IOVA allocator (tests/golden/iova, all but `dma-*`), without files. */
import { type Difference, firstDifference, type Json } from "../difference.ts";
import { IovaModel, type IovaOperation } from "@dmalab/kernel_tree/oracle";

/** One line of a trace: an operation with its arguments and its recorded results. */
export type IovaTraceLine = Readonly<Record<string, unknown>> & { readonly op: string };

/** A trace must begin with the making of what it is about. */
export const NO_INIT: Difference = { path: "op", expected: "init", got: undefined };

/** Compares each field that `answer` has with the recorded line. */
export function compareFields(
  line: IovaTraceLine,
  answer: Readonly<Record<string, unknown>>,
): Difference | null {
  for (const [name, value] of Object.entries(answer)) {
    const found = firstDifference((line[name] ?? null) as Json, value as Json, name);
    if (found !== null) return found;
  }
  return null;
}

/** A life of one allocator, fed line by line. */
export class IovaTrace {
  readonly #model = new IovaModel();
  #isMade = false;

  /** Performs one line; returns what differs from the record, or null. */
  run(line: IovaTraceLine): Difference | null {
    if (line.op !== "init" && !this.#isMade) return NO_INIT;
    this.#isMade = true;
    return compareFields(line, this.#model.run(line as IovaOperation));
  }
}
