/** Why a line of a kernel's log was printed, and what to do about it. */
import { aboutKind, CHECKER, READ_STACKS } from "../ledger/finding_kinds.ts";
import type { KernelLogEntry } from "./entry.ts";
import type { LogEntryFacts } from "./log_facts.ts";
import {
  type Cause,
  causesOf,
  certaintyOf,
  type MessageRow,
  nextOf,
  wordsOf,
} from "./messages/message.ts";

/**
 * The recommended steps for a message, most important first. They are the steps of the message's
 * cause, else of its row in the message table, else of its kind of finding.
 */
export function stepsOf({ facts, kind }: KernelLogEntry, row: MessageRow): readonly string[] {
  const own = nextOf(row, facts);
  const steps = own.length > 0 || row.finding === undefined
    ? own
    : aboutKind(row.finding).next ?? [];
  return kind === "dma_debug" ? steps.map((step) => step === CHECKER ? READ_STACKS : step) : steps;
}

/** Formats a cause with its certainty. */
function causeText(row: MessageRow, facts: LogEntryFacts, cause: Cause): string {
  const certainty = certaintyOf(row, facts, cause);
  return `${certainty === "unknown" ? "" : `${certainty}: `}${wordsOf(cause.text, facts)}`;
}

/** The causes that the facts of a line leave, most likely first, each with its certainty. */
export function causeTexts(row: MessageRow, facts: LogEntryFacts): readonly string[] {
  return causesOf(row, facts).map((cause) => causeText(row, facts, cause));
}
