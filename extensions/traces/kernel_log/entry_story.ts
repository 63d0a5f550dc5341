/** What a line of a kernel's log says, in words. */
import { loggedFaultLines } from "@dmalab/lang/builtins/explain";
import { PICTURE_COLUMNS, spread, wrapText } from "@dmalab/lang/text";
import { aboutKind } from "../ledger/finding_kinds.ts";
import type { Fact, KernelLogEntry } from "./entry.ts";
import { HEX_FIELDS } from "./messages/fields.ts";
import { MESSAGE_KINDS } from "./messages/kinds.ts";
import { causeOf, type MessageRow, nextOf, wordsOf } from "./messages/message.ts";

const labelled = (label: string, text: string) => labelledLines(label, text, 14, PICTURE_COLUMNS);

function factText(name: string, value: Fact): string {
  if (Array.isArray(value)) return value.join(" ");
  const isHex = typeof value === "number" && HEX_FIELDS.has(name) && value >= 0;
  return isHex ? `0x${value.toString(16)}` : String(value);
}

/** What to do about a message, the first thing first: of its cause, its row, or its kind of finding. */
export function stepsOf({ facts }: KernelLogEntry, row: MessageRow): readonly string[] {
  const steps = nextOf(row, facts);
  return steps.length > 0 || row.finding === undefined ? steps : aboutKind(row.finding).next ?? [];
}

/** Of an entry that no row reads. */
function namedText({ area, page }: KernelLogEntry["facts"]): string {
  return `A line of ${area} that says something is wrong: see ${page}`;
}

/** An entry, field by field, with its meaning, its cause and what to do. */
export function entryStory(entry: KernelLogEntry): string[] {
  const { facts, fault, kind, row } = entry;
  if (fault !== null) return loggedFaultLines(fault);
  const { rule, title } = MESSAGE_KINDS[kind];
  const rows = Object.entries(facts).flatMap(([name, value]) =>
    value === null || Array.isArray(value) && value.length === 0
      ? []
      : labelled(name.replaceAll("_", " "), factText(name, value))
  );
  if (row === null) return [spread(title, rule), ...rows, ...labelled("", namedText(facts))];
  const cause = causeOf(row, facts);
  return [
    spread(title, rule),
    ...rows,
    ...labelled("", wordsOf(row.means, facts)),
    ...row.role === "consequence" && row.follows !== undefined
      ? labelled("follows from", row.follows.map((each) => MESSAGE_KINDS[each].title).join(", "))
      : [],
    ...cause === null ? [] : labelled(
      "why",
      `${cause.certainty === "unknown" ? "" : `${cause.certainty}: `}${wordsOf(cause.text, facts)}`,
    ),
    ...stepsOf(entry, row).flatMap((step, index) => labelled(index === 0 ? "next" : "", step)),
  ];
}

/** A text behind its label, with what goes on below it. */
export function labelledLines(
  label: string,
  text: string,
  width: number,
  columns: number,
): string[] {
  return wrapText(text, columns - width - 2)
    .map((line, index) => `  ${(index === 0 ? label : "").padEnd(width)}${line}`);
}
