/** The decisions in a row of events: what was chosen, by which rule, from what. */
import type { MachineEvent } from "../../runtime/events.ts";
import { clip, PICTURE_COLUMNS, spread, wrapText } from "../render/columns.ts";
import { formatEventText, formatFieldValue, repeatText } from "../render/event_line.ts";
import type { FieldReading } from "../render/field_kinds.ts";
import { shownParts } from "../render/repeats.ts";

/** Where the inputs of a decision begin. */
const INPUTS_INDENT = " ".repeat(10);

/**
 * A line for each decision, with its rule at the right edge, and what it looked at below. Inputs
 * that were told before are not told again.
 */
export function explainEvents(events: readonly MachineEvent[]): string[] {
  const decisions = events.filter((event) => event.why !== null);
  if (decisions.length === 0) return ["  nothing was decided"];
  const lines: string[] = [];
  const told = new Set<string>();
  const same = (a: number, b: number) =>
    decisions[a]!.name === decisions[b]!.name &&
    decisions[a]!.why!.rule === decisions[b]!.why!.rule;
  for (const { start, end, hiddenTimes } of shownParts(decisions.length, same)) {
    for (const event of decisions.slice(start, end)) lines.push(...decisionLines(event, told));
    if (hiddenTimes > 0) lines.push(`${INPUTS_INDENT}${repeatText(end - start, hiddenTimes)}`);
  }
  return lines;
}

function decisionLines(event: MachineEvent, told: Set<string>): string[] {
  const { rule, inputs } = event.why!;
  const head = `  #${String(event.seq).padEnd(6)} ${formatEventText(event, 12, true)}`;
  const line = clip(spread(head, rule), PICTURE_COLUMNS);
  const text = formatInputs(inputs);
  const key = `${event.name} ${rule} ${text}`;
  if (text === "" || told.has(key)) return [line];
  told.add(key);
  return [
    line,
    ...wrapText(text, PICTURE_COLUMNS - INPUTS_INDENT.length).map((part) =>
      `${INPUTS_INDENT}${part}`
    ),
  ];
}

/** Inputs of a decision on one line: `payload 128KiB, segments 32`. */
export function formatInputs(inputs: NonNullable<MachineEvent["why"]>["inputs"]): string {
  return Object.entries(inputs).map(([name, input]) =>
    `${name.replace(/_bytes$/, "")} ${formatFieldValue(inputReading(name), input)}`
  ).join(", ");
}

function inputReading(name: string): FieldReading {
  if (name.endsWith("_bytes")) return "size";
  return name.includes("address") ? "dma" : "value";
}
