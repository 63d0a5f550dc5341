/** The facts about DMA in a line of a kernel's log, in one form for all kinds. */
import type { FaultLogProblem, LoggedFault } from "@dmalab/runtime/fault_log";
import type { MessageKind } from "./messages/kinds.ts";
import type { MessageRow } from "./messages/message.ts";

/** A value as `--json` prints it; addresses are hex with `0x` and no leading zeroes. */
export type Fact = string | number | boolean | null | readonly Fact[] | {
  readonly [name: string]: Fact;
};
export type LogEntryFacts = Readonly<Record<string, Fact>>;

export interface KernelLogEntry {
  readonly kind: MessageKind;
  /** The line in which it begins, from 1. */
  readonly line: number;
  /** The line itself. */
  readonly text: string;
  /** Time of the line by the log's own clock, or null. */
  readonly seconds: number | null;
  /** It was printed at most this much later: many logs have whole seconds only. */
  readonly resolutionSeconds: number;
  /** That clock is the kernel's own, which those of a trace are near to. */
  readonly isSinceBoot: boolean;
  /** That time for a reader; empty without one. */
  readonly stamp: string;
  /** Its facts, by the names of the page of `dmalab explain --json`. */
  readonly facts: LogEntryFacts;
  /** The decoded record of an `iommu_fault`, else null. */
  readonly fault: LoggedFault | null;
  /** The row of the table of messages; null for a decoded record, and for a line that is only named. */
  readonly row: MessageRow | null;
}

/** An entry as `--json` prints it. */
export function entryJson({ facts, kind, line, seconds }: KernelLogEntry) {
  return { kind, line, seconds, ...facts };
}

/** A record of an IOMMU that could not be read, and why. */
export interface UnreadableFault extends FaultLogProblem {
  readonly line: number;
  readonly text: string;
}

/** Hex with `0x`, without the zeroes before it. */
export function hexOf(digits: string): string {
  return `0x${digits.toLowerCase().replace(/^0x/, "").replace(/^0+(?=.)/, "")}`;
}
