/** Why a line of a kernel's log was printed, and what to do about it. */
import { aboutKind, CHECKER, READ_STACKS } from "../ledger/finding_kinds.ts";
import type { KernelLogEntry } from "./entry.ts";
import type { LogEntryFacts } from "./log_facts.ts";
import { type Cause, type MessageRow, nextOf, wordsOf } from "./messages/message.ts";

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
export function causeText(cause: Cause, facts: LogEntryFacts): string {
  const { certainty, text } = cause;
  return `${certainty === "unknown" ? "" : `${certainty}: `}${wordsOf(text, facts)}`;
}
