/** The facts about DMA in a line of a kernel's log, in one form for all kinds. */
import type { FaultLogProblem, LoggedFault } from "@dmalab/runtime/fault_log";
import type { MessageKind } from "./messages/kinds.ts";
import type { LogEntryFacts } from "./log_facts.ts";
import type { MessageRow } from "./messages/message.ts";

export interface KernelLogEntry {
  readonly kind: MessageKind;
  /** The entry's first line, from 1. */
  readonly line: number;
  /** The line itself. */
  readonly text: string;
  /** Time of the line by the log's own clock, or null. */
  readonly seconds: number | null;
  /**
   * The line was printed up to this many seconds after the time in `seconds`, because many logs
   * have whole seconds only.
   */
  readonly resolutionSeconds: number;
  /** Whether the time is by the kernel's own clock, which is close to the clock of a trace. */
  readonly isSinceBoot: boolean;
  /** The time as text for display; empty if the line has no time. */
  readonly stamp: string;
  /** The entry's facts, by their names in the output of `dmalab explain --json`. */
  readonly facts: LogEntryFacts;
  /** The decoded record of an `iommu_fault`, else null. */
  readonly fault: LoggedFault | null;
  /**
   * The matching row of the message table; null for a decoded record, and for a line that is only
   * listed.
   */
  readonly row: MessageRow | null;
}

/** An entry as `--json` prints it. */
export function entryJson({ facts, kind, line, seconds }: KernelLogEntry) {
  return { kind, line, seconds, ...facts };
}

/** An IOMMU record that could not be read, and the reason. */
export interface UnreadableFault extends FaultLogProblem {
  readonly line: number;
  readonly text: string;
}

/** Hex with `0x`, without the zeroes before it. */
export function hexOf(digits: string): string {
  return `0x${digits.toLowerCase().replace(/^0x/, "").replace(/^0+(?=.)/, "")}`;
}
