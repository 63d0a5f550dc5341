/** Why a line of a kernel's log was printed, and what to do about it. */
import { aboutKind } from "../ledger/finding_kinds.ts";
import type { KernelLogEntry, LogEntryFacts } from "./entry.ts";
import { type Cause, type MessageRow, nextOf, wordsOf } from "./messages/message.ts";

/** What to do about a message, the first thing first: of its cause, its row, or its kind of finding. */
export function stepsOf({ facts }: KernelLogEntry, row: MessageRow): readonly string[] {
  const steps = nextOf(row, facts);
  return steps.length > 0 || row.finding === undefined ? steps : aboutKind(row.finding).next ?? [];
}

/** A cause with its certainty. */
export function causeText(cause: Cause, facts: LogEntryFacts): string {
  const { certainty, text } = cause;
  return `${certainty === "unknown" ? "" : `${certainty}: `}${wordsOf(text, facts)}`;
}
