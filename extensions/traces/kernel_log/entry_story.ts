/** Describes a line of a kernel's log in words. */
import { loggedFaultLines } from "@dmalab/lang/explain";
import { PICTURE_COLUMNS, spread } from "@dmalab/lang/text";
import type { KernelLogEntry } from "./entry.ts";
import { plainName } from "./device_names.ts";
import { type FollowedEntry, followedKinds } from "./followed_entry.ts";
import type { Fact } from "./log_facts.ts";
import { labelledLines } from "./labelled_lines.ts";
import { causeTexts, stepsOf } from "./entry_steps.ts";
import { faultSteps } from "./fault_steps.ts";
import { HEX_FIELDS } from "./messages/fields.ts";
import { MESSAGE_KINDS } from "./messages/kinds.ts";
import { wordsOf } from "./messages/message.ts";

/** The width of the labels of a message, after two blanks. */
const LABEL_COLUMNS = 14;
/** The width of the labels of a decoded fault, after two blanks. */
const FAULT_LABEL_COLUMNS = 10;

/** The width of the labels in the story of an entry, after two blanks. */
export function labelColumnsOf({ fault }: KernelLogEntry): number {
  return fault === null ? LABEL_COLUMNS : FAULT_LABEL_COLUMNS;
}

const labelled = (label: string, text: string) =>
  labelledLines(label, text, LABEL_COLUMNS, PICTURE_COLUMNS);

/** Formats a fact: register numbers and addresses in hex. */
export function factText(name: string, value: Fact): string {
  if (Array.isArray(value)) return value.join(" ");
  const isHex = typeof value === "number" && HEX_FIELDS.has(name) && value >= 0;
  return isHex ? `0x${value.toString(16)}` : String(value);
}

const RELATIONS = {
  follows: "follows from",
  belongs: "belongs to",
  perhaps: "perhaps from",
  before: "before it",
};

/**
 * For an entry that is the consequence of another message: names the entry that it follows from, or
 * the kinds of messages to look for.
 * @param followed The entry that it follows from, or null.
 */
function followLines(entry: KernelLogEntry, followed: FollowedEntry | null): string[] {
  if (entry.row?.role !== "consequence" && followed?.relation !== "before") return [];
  if (followed === null) {
    const titles = new Set(followedKinds(entry).map((kind) => MESSAGE_KINDS[kind].title));
    return titles.size === 0 ? [] : labelled("look for", [...titles].join(", "));
  }
  const { entry: { kind, line }, names, relation } = followed;
  const isLockup = entry.kind === "lockup";
  const text = `line ${line}: ${MESSAGE_KINDS[kind].title}`;
  return labelled(
    RELATIONS[relation],
    relation !== "perhaps"
      ? relation === "before" ? `${text}, of the same device or name` : text
      : `${text}, ${isLockup ? "if the stack below it waits for that" : ifSame(names)}`,
  );
}

/** The condition under which two messages are about one device, and how to find out. */
function ifSame(names: readonly string[]): string {
  const [own, other] = names;
  if (own === undefined || other === undefined) return "if they are about one device";
  const controller = plainName(own);
  const look = controller.startsWith("nvme") ? `: ls -l /sys/class/nvme/${controller}/device` : "";
  return `if ${own} is ${other}, or below it${look}`;
}

/**
 * Describes an entry: each field with its meaning, then the cause and what to do.
 *
 * @param followed If the entry is a consequence, the entry that it follows from; null if the log
 *   does not contain that entry.
 * @param asked The steps of the line that are listed, of all that it has.
 */
export function entryStory(
  entry: KernelLogEntry,
  followed: FollowedEntry | null = null,
  asked: (steps: readonly string[]) => readonly string[] = (steps) => steps,
): string[] {
  const { facts, fault, kind, row } = entry;
  if (fault !== null || row === null) {
    return fault === null ? [] : [
      ...loggedFaultLines(fault),
      ...asked(faultSteps(fault)).flatMap((step, index) =>
        labelledLines(index === 0 ? "next" : "", step, FAULT_LABEL_COLUMNS, PICTURE_COLUMNS)
      ),
    ];
  }
  const { rule, title } = MESSAGE_KINDS[kind];
  const rows = Object.entries(facts).flatMap(([name, value]) =>
    value === null || Array.isArray(value) && value.length === 0
      ? []
      : labelled(name.replaceAll("_", " "), factText(name, value))
  );
  return [
    spread(title, rule),
    ...rows,
    ...labelled("", wordsOf(row.means, facts)),
    ...followLines(entry, followed),
    ...causeTexts(row, facts).flatMap((text, index) => labelled(index === 0 ? "why" : "or", text)),
    ...asked(stepsOf(entry, row)).flatMap((step, index) =>
      labelled(index === 0 ? "next" : "", step)
    ),
  ];
}
