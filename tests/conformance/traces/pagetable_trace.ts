/** Replays a page-table trace (tests/golden/pagetable); it knows no file system. */
import { TableModel, type TableOperation } from "@dmalab/kernel_tree/oracle";
import type { Difference } from "../difference.ts";
import { compareFields, type IovaTraceLine, NO_INIT } from "./iova_trace.ts";

/** Whether a field belongs to a recorded line that does not have it. */
const EMPTY: Readonly<Record<string, string>> = { sync: "[]" };
/** What no line records. */
const UNRECORDED = "entry";

/** A life of one page table, fed line by line. */
export class PageTableTrace {
  readonly #model = new TableModel();
  #isMade = false;

  /** Performs one line; returns what differs from the record, or null. */
  run(line: IovaTraceLine): Difference | null {
    if (line.op === "init") this.#isMade = true;
    else if (line.op !== "pgsize" && !this.#isMade) return NO_INIT;
    return compareFields(line, recordedTable(line, this.#model.run(line as TableOperation)));
  }
}

/** Of a result what a line records: flushes of a map only where there are any. */
export function recordedTable(
  line: IovaTraceLine,
  answer: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(answer).filter(([name, value]) =>
      name in line || name !== UNRECORDED && JSON.stringify(value) !== EMPTY[name]
    ),
  );
}
