/** Replays a trace of the mapping layer over an IOMMU (tests/golden/iova, `dma-*`), without files. */
import { MappingModel } from "@dmalab/kernel_tree/oracle";
import type { Difference } from "../difference.ts";
import { compareFields, type IovaTraceLine, NO_INIT } from "./iova_trace.ts";

/** Whether a field belongs to a recorded line that does not have it: nothing happened. */
const EMPTY: Readonly<Record<string, string>> = {
  caches: "[]",
  copies: "[]",
  went_beyond_32bit: "false",
  warn: "0",
};

/** A life of one device and its domain, fed line by line. */
export class DmaTrace {
  readonly #model = new MappingModel();
  #isMade = false;

  /** Performs one line; returns what differs from the record, or null. */
  run(line: IovaTraceLine): Difference | null {
    if (line.op === "init") this.#isMade = true;
    else if (line.op !== "reserved" && !this.#isMade) return NO_INIT;
    return compareFields(line, recordedFields(line, this.#model.run(line)));
  }
}

/** What the records do not have, or not everywhere. */
const OPTIONAL: ReadonlySet<string> = new Set([
  "events",
  "required_mask",
  "addressing_limited",
]);

/** Of a result what a line records: flushes only where it lists them, the rest where there is any. */
export function recordedFields(
  line: IovaTraceLine,
  answer: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(answer).filter(([name, value]) =>
      name in line || !OPTIONAL.has(name) && JSON.stringify(value) !== EMPTY[name]
    ),
  );
}
