/** Rows of the table of kernel messages. */
import type { Certainty } from "../../ledger/certainty.ts";
import type { FindingKind } from "../../ledger/finding_kinds.ts";
import type { LogEntryFacts } from "../entry.ts";
import type { MessageKind } from "./kinds.ts";

/** A text, or one made from the facts of the line. */
export type MessageText = string | ((facts: LogEntryFacts) => string);

/**
 * Why a message was printed. The causes of a row are tried in their order; the first with a
 * condition that holds is the cause of the line.
 */
export interface Cause {
  /** Value of the fact `cause`. */
  readonly id: string;
  /** Condition on the fields of the line; none: always. */
  readonly when?: (facts: LogEntryFacts) => boolean;
  readonly text: MessageText;
  /** `proved` only where the numbers of the line leave nothing else. */
  readonly certainty: Certainty;
  /** What to do, the first thing first. */
  readonly next?: readonly string[];
  /** Overrides the finding of the row, and its certainty is that of the cause; null for no finding. */
  readonly finding?: FindingKind | null;
}

/**
 * | role | its effect in `dmalab trace check` |
 * | --- | --- |
 * | `fault` | an access that an IOMMU or bridge refused: a fault, matched with the mappings of the trace |
 * | `report` | an error that the line itself proves: a finding, where the row names one |
 * | `consequence` | follows from lines of the kinds `follows`: no separate finding |
 * | `state` | no error |
 */
export type Role = "fault" | "report" | "consequence" | "state";

/** A line that continues the one before it. */
export interface ContinuationRow {
  readonly form: string;
  /** The facts of the whole message, null for a line of another one; without it those of the form are added. */
  readonly add?: (found: LogEntryFacts, facts: LogEntryFacts) => LogEntryFacts | null;
}

/** A message of the kernel, in every wording. */
export interface MessageRow {
  readonly kind: MessageKind;
  /** Wordings, the newest release first. */
  readonly forms: readonly string[];
  /** `runtime/fault_log` reads these lines; the row is for the lists. */
  readonly isDecoded?: boolean;
  /** Facts that the words themselves give. */
  readonly always?: LogEntryFacts;
  /** Facts that follow from those of the line. Null: the line only looks like this message. */
  readonly derive?: (facts: LogEntryFacts, line: string) => LogEntryFacts | null;
  readonly more?: readonly ContinuationRow[];
  readonly role: Role;
  /** The statement of the line, and no more than it proves. */
  readonly means: MessageText;
  readonly causes?: readonly Cause[];
  /** Steps of a row without causes. */
  readonly next?: readonly string[] | ((facts: LogEntryFacts) => readonly string[]);
  /** For a consequence: the kinds of message that it follows from. */
  readonly follows?: readonly MessageKind[];
  /** The finding of a report, proved by the line; without it the line is explained and no finding. */
  readonly finding?: FindingKind;
  /** A public thread with the message, where no rule quotes it. */
  readonly thread?: string;
}

/** The messages of one area, such as an IOMMU. */
export interface MessageArea {
  readonly name: string;
  /** Where to read more: a rule, or a specification. */
  readonly page: string;
  /** MessageText of which each line of the area has one, for lines that no row reads. */
  readonly words: readonly string[];
  readonly rows: readonly MessageRow[];
}

export function wordsOf(words: MessageText, facts: LogEntryFacts): string {
  return typeof words === "string" ? words : words(facts);
}

/** The cause of a line, by its numbers; null where the row has none that fits. */
export function causeOf(row: MessageRow, facts: LogEntryFacts): Cause | null {
  return row.causes?.find(({ when }) => when?.(facts) ?? true) ?? null;
}

/** What to do about a line, the first thing first. */
export function nextOf(row: MessageRow, facts: LogEntryFacts): readonly string[] {
  const { next = [] } = row;
  return causeOf(row, facts)?.next ?? (typeof next === "function" ? next(facts) : next);
}

/** A field as a number; NaN where the line has none. */
export function numberOf(facts: LogEntryFacts, name: string): number {
  const value = facts[name];
  return typeof value === "number" ? value : NaN;
}

/** An address as a number of any width; null where the line has none, or the reporter masked it. */
export function addressOf(facts: LogEntryFacts, name: string): bigint | null {
  const value = facts[name];
  return typeof value === "string" && /^0x[0-9a-f]+$/.test(value) ? BigInt(value) : null;
}

/** `FIELD: ` where the line has the field, else nothing. */
export function named(facts: LogEntryFacts, name: string): string {
  return typeof facts[name] === "string" ? `${facts[name]}` : "a device";
}

/** Bytes as `65,536 bytes (64 KiB)`. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < 3) [size, unit] = [size / 1024, unit + 1];
  const short = Number.isInteger(size) ? `${size}` : size.toFixed(1);
  return unit === 0 ? `${bytes} bytes` : `${bytes} bytes (${short} ${units[unit]})`;
}

/** Name of a PCI function by its requester id. */
export function functionName(requesterId: number): string {
  const [bus, slot, index] = [requesterId >> 8, (requesterId >> 3) & 31, requesterId & 7];
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  return `0000:${hex(bus & 255)}:${hex(slot)}.${index}`;
}
