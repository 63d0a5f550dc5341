/** Mappings of a trace as slices of time: when each began, and when it ended. */
import type { TracedMapping } from "../ledger/traced_mapping.ts";
import { isMappingStep, type Step } from "../script/recorder.ts";

/** What ends a slice. */
export type SliceEnd =
  /** The call that unmaps, in this line. */
  | { readonly how: "unmapped"; readonly line: number }
  /** None: it is live at the end of the trace, or its unmap is in a missing line. */
  | { readonly how: "open" };

export interface SliceSink {
  /** @param seconds By the trace's clock. */
  begin(mapping: TracedMapping, seconds: number): void;
  end(mapping: TracedMapping, seconds: number, end: SliceEnd): void;
}

/** Stands for the device of a two-step range that belongs to no known request. */
const NO_DEVICE = "two-step ranges";

export function deviceName(mapping: TracedMapping): string {
  return mapping.device?.name ?? NO_DEVICE;
}

/** Turns the steps of a ledger into slices; every slice that begins ends. */
export class MappingSlices {
  readonly #open = new Set<TracedMapping>();
  readonly #sink: SliceSink;

  constructor(sink: SliceSink) {
    this.#sink = sink;
  }

  /** @param seconds When the line of the step was written. */
  take(step: Step, seconds: number): void {
    if (!isMappingStep(step)) return;
    const { mapping, line, op } = step;
    if (op === "map") {
      this.#open.add(mapping);
      this.#sink.begin(mapping, mapping.mappedAt.seconds);
    } else if (op === "unmap" && this.#open.delete(mapping)) {
      this.#sink.end(mapping, seconds, { how: "unmapped", line });
    } else if (op === "range") {
      // The ledger reports a range only when it is unmapped.
      this.#sink.begin(mapping, mapping.mappedAt.seconds);
      this.#sink.end(mapping, mapping.unmappedAt!.seconds, {
        how: "unmapped",
        line: mapping.unmappedAt!.line,
      });
    }
  }

  /** @param seconds Of the last line. */
  finish(seconds: number): void {
    for (const mapping of this.#open) this.#sink.end(mapping, seconds, { how: "open" });
    this.#open.clear();
  }
}
