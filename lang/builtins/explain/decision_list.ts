/** The decisions in a sequence of events, each with its rule and its inputs. */
import { addAll } from "@dmalab/runtime/basics";
import type { MachineEvent } from "@dmalab/runtime";
import { repeatText } from "../../render/event_line.ts";
import { shownParts } from "../../text/repeats.ts";
import { explainDecision } from "./explain_decision.ts";
import { type Explanation, explanationLines, reasonLines } from "./explanation.ts";

/** Further lines below a decision. */
export type MoreAbout = (event: MachineEvent) => readonly string[];

/**
 * A line for each decision, with its rule at the right edge and its reasons below. The same reasons
 * are printed only once. If a decision repeats with the same outcome, for example for each page of a
 * request, only the first and the last are printed.
 */
export function decisionList(
  decisions: readonly MachineEvent[],
  columns: number,
  moreAbout: MoreAbout = () => [],
): string[] {
  if (decisions.length === 0) return ["  no decisions recorded"];
  const lines: string[] = [];
  const printed = new Set<string>();
  const kinds = decisions.map(kindOf);
  const same = (a: number, b: number) => kinds[a] === kinds[b];
  for (const { start, end, hiddenTimes } of shownParts(decisions.length, same)) {
    for (const event of decisions.slice(start, end)) {
      lines.push(...decisionLines(event, printed, columns), ...moreAbout(event));
    }
    if (hiddenTimes > 0) addAll(lines, reasonLines(repeatText(end - start, hiddenTimes), columns));
  }
  return lines;
}

/** What repetitions of a decision have in common: the event, the rule, the flags, and how it ended. */
function kindOf({ fields, name, why }: MachineEvent): string {
  const { error, flags, result, status } = fields as Readonly<Record<string, unknown>>;
  const ended = [error, status, typeof result === "number" ? null : result, flags];
  return `${name} ${why?.rule} ${ended.join(" ")}`;
}

function decisionLines(event: MachineEvent, printed: Set<string>, columns: number): string[] {
  const explanation = explainDecision(event);
  const rule = explanation.rule ?? event.why?.rule ?? "";
  const key = `${event.name} ${rule} ${explanation.why}`;
  const known: Explanation = printed.has(key) ? { ...explanation, why: "" } : explanation;
  printed.add(key);
  return explanationLines(known, event.seq, rule, columns);
}
