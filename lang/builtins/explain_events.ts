/** The decisions in a row of events, one a line: what was chosen, by which rule, from what. */
import type { MachineEvent } from "../../runtime/events.ts";
import { wrapText } from "../render/columns.ts";
import { formatEventText, formatFieldValue } from "../render/event_line.ts";
import { formatCount } from "../render/numbers.ts";

/** Decisions listed before the rest is only counted. */
const SHOWN_DECISIONS = 40;

/** One line for each decision, and its inputs below it. Equal ones in a row are told once. */
export function explainEvents(events: readonly MachineEvent[]): string[] {
  const decisions = events.filter((event) => event.why !== null);
  if (decisions.length === 0) return ["  no decision was recorded"];
  const lines: string[] = [];
  let before = "";
  let repeated = 0;
  const flush = () => {
    if (repeated > 0) {
      lines.push(`          … and ${formatCount(repeated, "more like it", "more like it")}`);
    }
    repeated = 0;
  };
  for (const event of decisions.slice(0, SHOWN_DECISIONS)) {
    const inputs = Object.entries(event.why!.inputs).map(([name, input]) => {
      const reading = name.endsWith("_bytes") ? "size" : "value";
      return `${name.replace(/_bytes$/, "")} ${formatFieldValue(reading, input)}`;
    }).join(", ");
    const text = `${event.name} ${event.why!.rule} ${inputs}`;
    if (text === before) {
      repeated++;
      continue;
    }
    flush();
    before = text;
    lines.push(
      `  #${String(event.seq).padEnd(6)} ${formatEventText(event)}   (${event.why!.rule})`,
    );
    if (inputs !== "") lines.push(...wrapText(inputs, 68).map((line) => `          ${line}`));
  }
  flush();
  const rest = decisions.length - SHOWN_DECISIONS;
  return rest > 0 ? [...lines, `  … ${formatCount(rest, "decision")} more`] : lines;
}
