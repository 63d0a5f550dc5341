/** Why: the decision that a moment is in, with what it looked at and the rule that it fell by. */
import { explainDecision, inputField } from "@dmalab/lang/builtins/explain";
import { valuePart } from "@dmalab/lang/render";
import type { CellView } from "./tables.ts";
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { spanOfEvent } from "../last_writes.ts";
import type { Span } from "@dmalab/lang";

/** A decision. */
export interface WhyView {
  /** The event of the decision: the one at the moment, or the last before it that has a reason. */
  readonly seq: number;
  /** What was decided, as a line. */
  readonly title: string;
  /** Why, in sentences; empty where the title says it all. */
  readonly why: string;
  /** The rule, by page and number in `docs/rules/`. */
  readonly rule: string;
  /** What it looked at. */
  readonly inputs: readonly CellView[];
  /** The statement that led to it; null for none. */
  readonly span: Span | null;
}

/**
 * The last decision at or before a moment, of the request that its event belongs to, or of none;
 * null where nothing was decided.
 */
export function whyView(recording: RecordedRun, position: Position): WhyView | null {
  const { log } = recording;
  const request = position.seq === 0 ? null : log.requestAt(position.seq);
  for (let { seq } = position; seq > 0; seq--) {
    if (!log.hasWhy(seq) || log.requestAt(seq) !== request) continue;
    const event = recording.event(seq);
    const { rule = event.why!.rule, title, why } = explainDecision(event);
    const inputs = Object.entries(event.why!.inputs)
      .map(([name, value]) => valuePart(name, inputField(name), value));
    return { seq, title, why, rule, inputs, span: spanOfEvent(recording, seq) };
  }
  return null;
}
