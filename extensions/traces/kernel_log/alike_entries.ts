/**
 * Groups log entries that are the same to a reader, because they differ only in an address, a tag or a
 * similar number.
 */
import { PICTURE_COLUMNS } from "@dmalab/lang/text";
import type { KernelLogEntry } from "./entry.ts";
import type { Fact } from "./log_facts.ts";
import { factText, labelColumnsOf } from "./entry_story.ts";
import { formKey } from "./shown_text.ts";
import { labelledLines } from "./labelled_lines.ts";
import type { MessageKind } from "./messages/kinds.ts";

/** Facts that vary between occurrences of the same error and say nothing about the cause. */
const VARYING: ReadonlySet<string> = new Set([
  ...["address", "cacheline", "phys", "frame", "gfn", "lba", "sector", "blocks", "segments"],
  ...["tag", "generation", "qid", "command_id", "pool_id", "seconds_stalled", "used_slots"],
]);

/**
 * Further varying facts of one kind of message: its status register contains the number of the fault
 * record.
 */
const VARYING_OF: Partial<Record<MessageKind, readonly string[]>> = {
  iommu_fault_status: ["status", "record_index"],
};

/** A key that is equal for alike entries. */
export function alikeKey({ facts, fault, kind, row }: KernelLogEntry): string {
  const own = VARYING_OF[kind] ?? [];
  const same = Object.entries(facts).filter(([name]) => !VARYING.has(name) && !own.includes(name))
    .map(([name, value]) => [name, name === "text" ? formKey(String(value)) : value]);
  return JSON.stringify([kind, row?.forms[0] ?? fault?.event, same]);
}

/** The facts in which alike entries differ, each with its least and its greatest value. */
export function differingLines(alike: readonly KernelLogEntry[]): string[] {
  const own = VARYING_OF[alike[0]!.kind] ?? [];
  const texts = [...own, ...VARYING].flatMap((name) => {
    const values = [...new Set(alike.map(({ facts }) => facts[name] ?? null))]
      .filter((value) => value !== null);
    if (values.length < 2) return [];
    const sorted = values.toSorted(byValue);
    const [least, most] = [sorted[0]!, sorted.at(-1)!].map((value) => factText(name, value));
    return `${name.replaceAll("_", " ")} ${least} to ${most} (${values.length} of them)`;
  });
  return texts.length === 0
    ? []
    : labelledLines("also", texts.join("; "), labelColumnsOf(alike[0]!), PICTURE_COLUMNS);
}

/** Compares numbers and hex values by their size, other values by their text. */
function byValue(a: Fact, b: Fact): number {
  const [first, second] = [numberIn(a), numberIn(b)];
  if (first === null || second === null) return String(a) < String(b) ? -1 : 1;
  return first < second ? -1 : first > second ? 1 : 0;
}

function numberIn(value: Fact): bigint | null {
  if (typeof value === "number") return BigInt(Math.round(value));
  return typeof value === "string" && /^0x[0-9a-f]+$/.test(value) ? BigInt(value) : null;
}
