/** The decision that explains a position, with its inputs and its rule. */
import { explainDecision, inputField } from "@dmalab/lang/explain";
import { valuePart } from "@dmalab/lang/render";
import type { CellView } from "./tables.ts";
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { spanOfEvent } from "../last_writes.ts";
import type { Span } from "@dmalab/lang";

/** A decision. */
export interface WhyView {
  /**
   * The event of the decision: the event at the position, or the last event before it that has a
   * reason.
   */
  readonly seq: number;
  /** The decision, as a line. */
  readonly title: string;
  /** The reason, in sentences; empty where the title is enough. */
  readonly why: string;
  /** The rule, by page and number in `docs/rules/`. */
  readonly rule: string;
  /** Its inputs. */
  readonly inputs: readonly CellView[];
  /** The statement that led to the decision; null for none. */
  readonly span: Span | null;
}

/**
 * The effects of a decision that was made outside of calls: later events of the same request, or
 * later calls. A decision within a call causes the later events of that call.
 */
const CAUSED: Readonly<Record<string, RegExp>> = {
  "nvme.choose": /^(nvme\.(prp|sgl|submit)|mem\.alloc)$/,
  "nvme.metadata": /^(nvme\.(prp|sgl|submit)|mem\.alloc)$/,
  "mem.alloc": /^nvme\.(prp|sgl)$/,
  "nvme.unmap": /^call\.\w*unmap/,
};

/** Maximum number of events that the search for a cause goes back. */
const LOOK_BACK = 4096;

/**
 * The decision that caused the event at a position. This is the event itself, the last decision
 * before it within the active calls, or an earlier decision of the event's request that causes
 * events of this kind; null without such a decision.
 */
export function whyView(recording: RecordedRun, position: Position): WhyView | null {
  const seq = decisionBehind(recording.log, position.seq);
  return seq === null ? null : viewOf(recording, seq);
}

/**
 * The last decision at or before a position, whether it caused the position's event or not. The
 * decision belongs to the same request as that event, or to no request if the event belongs to
 * none. Null if there is no such decision.
 */
export function lastDecisionView(recording: RecordedRun, position: Position): WhyView | null {
  const { log } = recording;
  const request = position.seq === 0 ? null : log.requestAt(position.seq);
  for (let { seq } = position; seq > 0; seq--) {
    if (log.hasWhy(seq) && log.requestAt(seq) === request) return viewOf(recording, seq);
  }
  return null;
}

function viewOf(recording: RecordedRun, seq: number): WhyView {
  const event = recording.event(seq);
  const { rule = event.why!.rule, title, why } = explainDecision(event);
  const inputs = Object.entries(event.why!.inputs)
    .map(([name, value]) => valuePart(name, inputField(name), value));
  return { seq, title, why, rule, inputs, span: spanOfEvent(recording, seq) };
}

function decisionBehind(log: RecordedRun["log"], end: number): number | null {
  if (end === 0) return null;
  if (log.hasWhy(end)) return end;
  const request = log.requestAt(end);
  const first = Math.max(1, end - LOOK_BACK);
  // The last decision before the event: on the event's own call level, or in a call that contains
  // the event.
  let decision: number | null = null;
  // The nesting depth of `seq` within calls that began and ended before the event.
  let ended = log.nameAt(end).startsWith("ret.") ? -1 : 0;
  let outermost = log.nameAt(end);
  const caused: number[] = [];
  for (let seq = end; seq >= first; seq--) {
    if (log.requestAt(seq) !== request) continue;
    const name = log.nameAt(seq);
    if (name.startsWith("ret.")) ended++;
    // The reason in a call's return event counts as outside of the call.
    const isOutside = ended === 0 || ended === 1 && name.startsWith("ret.");
    if (seq < end && isOutside && log.hasWhy(seq)) {
      decision ??= seq;
      caused.push(seq);
    }
    if (!name.startsWith("call.") || seq === end) continue;
    if (ended > 0) {
      ended--;
      continue;
    }
    // This call is still active: a decision in it, before the event, is the cause.
    if (decision !== null) return decision;
    ended = 0;
    outermost = name;
    caused.length = 0;
  }
  return request === null
    ? null
    : caused.find((seq) => CAUSED[log.nameAt(seq)]?.test(outermost) === true) ?? null;
}
