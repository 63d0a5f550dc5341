/** Templates of explanations: rows of texts with places for the fields and inputs of a decision. */
import { CORE_EVENTS, type FieldValue } from "@dmalab/runtime";
import { formatFieldValue } from "../../render/event_line.ts";
import { formatCount, formatDuration, formatSize } from "../../text/numbers.ts";
import type { EventFacts, Explanation } from "./explanation.ts";
import { formatInput } from "./inputs.ts";
import { type TextRow, WORDS } from "./texts.ts";

const OPTIONAL = /\[(?:\?(\w+))?([^\]]*)\]/g;
const PLACE = /\{([\w.]+)(?::([^}]+))?\}/g;

/** The explanation by the first row that fits; null where none does. */
export function explainByText(rows: readonly TextRow[], facts: EventFacts): Explanation | null {
  const row = rows.find(([when]) =>
    // What an event does not have does not hold.
    Object.entries(when).every(([name, wanted]) =>
      (valueOf(facts, name) ?? (wanted === false ? false : null)) === wanted
    )
  );
  if (row === undefined) return null;
  const [, title, why, rule] = row;
  const texts = { title: fill(title, facts), why: fill(why, facts) };
  return rule === undefined ? texts : { ...texts, rule: fill(rule, facts) };
}

function valueOf(facts: EventFacts, name: string): FieldValue | undefined {
  if (name === "why.rule") return facts.rule;
  return facts.field(name) ?? facts.input(name);
}

function fill(template: string, facts: EventFacts): string {
  return template
    .replaceAll(OPTIONAL, (_, condition: string | undefined, text: string) => {
      const names = condition === undefined ? [...text.matchAll(PLACE)].map(([, name]) => name!) : [
        condition,
      ];
      return names.some((name) => Boolean(valueOf(facts, name))) ? text : "";
    })
    .replaceAll(PLACE, (_, name: string, how: string | undefined) => format(facts, name, how));
}

function format(facts: EventFacts, name: string, how: string | undefined): string {
  const value = valueOf(facts, name) ?? 0;
  const words = how === undefined ? undefined : WORDS[how];
  if (words !== undefined) return words[String(value)] ?? "";
  if (how !== undefined) return formatCount(value as number, how);
  const field = CORE_EVENTS.field(facts.name, name);
  if (name in facts.fields && field !== null) {
    return formatFieldValue(field, value);
  }
  if (name.endsWith("_ns")) return formatDuration(value as number);
  return name === "bytes" ? formatSize(value as number) : formatInput(name, value);
}
