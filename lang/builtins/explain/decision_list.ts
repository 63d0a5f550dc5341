/** The decisions in a row of events: what was decided, by which rule, and why. */
import type { MachineEvent } from "../../../runtime/events.ts";
import { repeatText } from "../../render/event_line.ts";
import { shownParts } from "../../text/repeats.ts";
import { decisionTold } from "./decision_told.ts";
import { reasonLines, type Told, toldLines } from "./told.ts";

/** Lines below a decision that say more about it. */
export type MoreAbout = (event: MachineEvent) => readonly string[];

/**
 * A line for each decision, with its rule at the right edge, and its reasons below. Reasons that
 * were told before are not told again; where the same is decided again and again, as for each page
 * of a request, the first and the last time are told.
 */
export function decisionList(
  decisions: readonly MachineEvent[],
  columns: number,
  moreAbout: MoreAbout = () => [],
): string[] {
  if (decisions.length === 0) return ["  nothing was decided"];
  const lines: string[] = [];
  const heard = new Set<string>();
  const same = (a: number, b: number) =>
    decisions[a]!.name === decisions[b]!.name &&
    decisions[a]!.why?.rule === decisions[b]!.why?.rule;
  for (const { start, end, hiddenTimes } of shownParts(decisions.length, same)) {
    for (const event of decisions.slice(start, end)) {
      lines.push(...decisionLines(event, heard, columns), ...moreAbout(event));
    }
    if (hiddenTimes > 0) lines.push(...reasonLines(repeatText(end - start, hiddenTimes), columns));
  }
  return lines;
}

function decisionLines(event: MachineEvent, heard: Set<string>, columns: number): string[] {
  const told = decisionTold(event);
  const rule = told.rule ?? event.why?.rule ?? "";
  const key = `${event.name} ${rule} ${told.why}`;
  const known: Told = heard.has(key) ? { ...told, why: "" } : told;
  heard.add(key);
  return toldLines(known, event.seq, rule, columns);
}
