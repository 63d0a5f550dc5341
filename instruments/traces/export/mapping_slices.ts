/** Mappings of a trace as slices of time: when each began, and when it ended. */
import type { Life } from "../ledger/life.ts";
import { isMappingStep, type Step } from "../script/recorder.ts";

/** What ends a slice. */
export type SliceEnd =
  /** The call that unmaps, in this line. */
  | { readonly how: "unmapped"; readonly line: number }
  /** Nothing: it is alive at the end of the trace, or its end is in a line that is missing. */
  | { readonly how: "open" };

export interface SliceSink {
  /** @param seconds By the trace's clock. */
  begin(life: Life, seconds: number): void;
  end(life: Life, seconds: number, end: SliceEnd): void;
}

/** Name of what a two-step range is of, where no request tells. */
const NO_DEVICE = "two-step ranges";

export function deviceName(life: Life): string {
  return life.device?.name ?? NO_DEVICE;
}

/** Turns what a ledger tells into slices; every slice that begins ends. */
export class MappingSlices {
  readonly #open = new Set<Life>();
  readonly #sink: SliceSink;

  constructor(sink: SliceSink) {
    this.#sink = sink;
  }

  /** @param seconds When the line of the step was written. */
  take(step: Step, seconds: number): void {
    if (!isMappingStep(step)) return;
    const { life, line, op } = step;
    if (op === "birth") {
      this.#open.add(life);
      this.#sink.begin(life, life.born.seconds);
    } else if (op === "death" && this.#open.delete(life)) {
      this.#sink.end(life, seconds, { how: "unmapped", line });
    } else if (op === "range") {
      // It is told when it has ended.
      this.#sink.begin(life, life.born.seconds);
      this.#sink.end(life, life.died!.seconds, { how: "unmapped", line: life.died!.line });
    }
  }

  /** @param seconds Of the last line. */
  finish(seconds: number): void {
    for (const life of this.#open) this.#sink.end(life, seconds, { how: "open" });
    this.#open.clear();
  }
}
