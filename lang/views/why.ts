/** Why: the decision that a moment is in, with what it looked at and the rule that it fell by. */
import { explainDecision } from "../builtins/explain/explain_decision.ts";
import { formatInput } from "../builtins/explain/inputs.ts";
import type { Position } from "../recording/position.ts";
import type { Recording } from "../recording/recording.ts";
import { spanOfEvent } from "../recording/who.ts";
import type { Span } from "../source.ts";

/** A decision. */
export interface WhyView {
  /** The event that tells of it: the one that one stands at, or the last before that has a reason. */
  readonly seq: number;
  /** What was decided, as a line. */
  readonly title: string;
  /** Why, in sentences; empty where the title says it all. */
  readonly why: string;
  /** The rule, by page and number in `docs/behaviour/`. */
  readonly rule: string;
  /** What it looked at, by name, as text. */
  readonly inputs: readonly (readonly [name: string, value: string])[];
  /** The statement that led to it; null for none. */
  readonly span: Span | null;
}

/** The last decision at or before a moment; null where nothing was decided. */
export function whyView(recording: Recording, at: Position): WhyView | null {
  for (let { seq } = at; seq > 0; seq--) {
    if (!recording.log.hasWhy(seq)) continue;
    const event = recording.event(seq);
    const { rule = event.why!.rule, title, why } = explainDecision(event);
    const inputs = Object.entries(event.why!.inputs)
      .map(([name, value]) => [name, formatInput(name, value)] as const);
    return { seq, title, why, rule, inputs, span: spanOfEvent(recording, seq) };
  }
  return null;
}
