/** Rows of the table of kernel messages. */
import type { Certainty } from "../../ledger/certainty.ts";
import type { FindingKind } from "../../ledger/finding_kinds.ts";
import type { LogEntryFacts } from "../log_facts.ts";
import type { MessageKind } from "./kinds.ts";

/** A fixed text, or a function that makes it from the facts of the line. */
export type MessageText = string | ((facts: LogEntryFacts) => string);

/**
 * Why a message was printed. All causes of a row that fit the facts of a line are listed. A cause is
 * `proved` if it is one cause, no other one fits, and the row has its condition or the cause a test
 * of the line's numbers.
 */
export interface Cause {
  /** Value of the fact `cause`, if it is the first cause that fits. */
  readonly id: string;
  /** Whether the cause is compatible with the facts of the line; without it, with all. */
  readonly when?: (facts: LogEntryFacts) => boolean;
  readonly text: MessageText;
  /** How sure the cause is where it is not proved. */
  readonly certainty: Exclude<Certainty, "proved">;
  /** Whether this is a single cause. The text of other causes lists several possibilities. */
  readonly isOne?: true;
  /** What to do, most important first. */
  readonly next?: readonly string[] | ((facts: LogEntryFacts) => readonly string[]);
  /**
   * The finding for this cause, in place of the row's finding; its certainty is the certainty of
   * this cause. Null for no finding.
   */
  readonly finding?: FindingKind | null;
}

/**
 * Causes that exclude each other by the numbers of the line: one fits only if none of the earlier
 * ones does.
 */
export function inOrder(causes: readonly Cause[]): readonly Cause[] {
  return causes.map((cause, index) => ({
    ...cause,
    when: (facts) =>
      (cause.when?.(facts) ?? true) &&
      !causes.slice(0, index).some(({ when }) => when?.(facts) ?? true),
  }));
}

/**
 * | role | its effect in `dmalab trace check` |
 * | --- | --- |
 * | `fault` | an access that an IOMMU or bridge refused: a fault, matched with the mappings of the trace |
 * | `report` | an error that the line itself proves: a finding, where the row names one |
 * | `consequence` | the result of another line; `follows` has the other line's kind: no separate finding |
 * | `state` | no error |
 */
export type Role = "fault" | "report" | "consequence" | "state";

/** A line that continues the one before it. */
export interface ContinuationRow {
  readonly form: string;
  /**
   * Returns the facts of the whole message, or null if the line belongs to another message. A row
   * without this function adds the facts of the continuation to those of the first line.
   */
  readonly add?: (
    found: LogEntryFacts,
    facts: LogEntryFacts,
    line: string,
  ) => LogEntryFacts | null;
}

/** A stack begins at most this many lines below its warning, after the registers. */
export const STACK_LINES = 40;

/** A message of the kernel, with all its wordings. */
export interface MessageRow {
  readonly kind: MessageKind;
  /** Wordings, the newest release first. */
  readonly forms: readonly string[];
  /**
   * Whether `runtime/fault_log` decodes these lines. If so, the row exists only for lists of
   * messages.
   */
  readonly isDecoded?: boolean;
  /**
   * Whether the forms are only words that lines of many drivers have in common: weak evidence that
   * two lines of a paste are one message.
   */
  readonly isGeneral?: true;
  /** Whether the line is also printed below a warning, which has a message of its own. */
  readonly isBelowWarnings?: true;
  /** Facts that the wording itself implies. */
  readonly always?: LogEntryFacts;
  /**
   * Adds facts that follow from the facts of the line. Returns null if the line only looks like
   * this message.
   */
  readonly derive?: (facts: LogEntryFacts, line: string) => LogEntryFacts | null;
  readonly more?: readonly ContinuationRow[];
  /** How many lines after the first one may continue it, if not the usual number. */
  readonly reachLines?: number;
  readonly role: Role;
  /**
   * What makes the kernel print the line, as far as it is known. Without it, nothing is proved but
   * by the numbers of the line.
   */
  readonly condition?: string;
  /** The meaning of the line: no more than the line proves. */
  readonly means: MessageText;
  readonly causes?: readonly Cause[];
  /** Steps to recommend, for a row without causes. */
  readonly next?: readonly string[] | ((facts: LogEntryFacts) => readonly string[]);
  /** For a consequence: the kinds of message that can be its cause. */
  readonly follows?: readonly MessageKind[];
  /**
   * For a report: the finding that a line of this row proves. Without this property, the line is
   * explained but is not a finding.
   */
  readonly finding?: FindingKind;
  /** A public thread with the message, if no rule quotes it. */
  readonly thread?: string;
}

/** Rows of lines that are no error, each with the forms of one meaning. */
export function stateRows(
  meanings: readonly (readonly [means: string, ...forms: string[]])[],
): readonly MessageRow[] {
  return meanings.map(([means, ...forms]) => ({ kind: "state", forms, role: "state", means }));
}

/** The messages of one area, such as an IOMMU. */
export interface MessageArea {
  readonly name: string;
  /** Reference to read: a rule, or a specification. */
  readonly page: string;
  /** Words that mark a line as belonging to this area, for lines that no row matches. */
  readonly words: readonly string[];
  readonly rows: readonly MessageRow[];
}

export function wordsOf(words: MessageText, facts: LogEntryFacts): string {
  return typeof words === "string" ? words : words(facts);
}

/** The causes that the facts of a line leave; the first one is the most likely. */
export function causesOf(row: MessageRow, facts: LogEntryFacts): readonly Cause[] {
  return row.causes?.filter(({ when }) => when?.(facts) ?? true) ?? [];
}

/** The first cause that the facts of a line leave; null without one. */
export function causeOf(row: MessageRow, facts: LogEntryFacts): Cause | null {
  return causesOf(row, facts)[0] ?? null;
}

/** How sure a cause is: `proved` is derived, never declared. */
export function certaintyOf(row: MessageRow, facts: LogEntryFacts, cause: Cause): Certainty {
  const isKnown = row.condition !== undefined || row.causes!.some(({ when }) => when !== undefined);
  const isAlone = causesOf(row, facts).length === 1;
  return cause.isOne === true && isKnown && isAlone ? "proved" : cause.certainty;
}

/** The steps to recommend for a line, most important first. */
export function nextOf(row: MessageRow, facts: LogEntryFacts): readonly string[] {
  const next = causeOf(row, facts)?.next ?? row.next ?? [];
  return typeof next === "function" ? next(facts) : next;
}

/** A field as a number; NaN if the line does not have it. */
export function numberOf(facts: LogEntryFacts, name: string): number {
  const value = facts[name];
  return typeof value === "number" ? value : NaN;
}

/**
 * An address as a number of any width; null if the line has no address, or if the reporter masked
 * the address.
 */
export function addressOf(facts: LogEntryFacts, name: string): bigint | null {
  const value = facts[name];
  return typeof value === "string" && /^0x[0-9a-f]+$/.test(value) ? BigInt(value) : null;
}

/** The field's text if the line has the field, else "a device". */
export function named(facts: LogEntryFacts, name: string): string {
  return typeof facts[name] === "string" ? `${facts[name]}` : "a device";
}

/** Formats a size, such as `65,536 bytes (64 KiB)`. */
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
