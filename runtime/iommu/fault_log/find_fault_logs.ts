/** Every fault in a whole log: what `dmesg` prints, with all that is none in between. */
import { decodeFaultLog } from "./decode_fault_log.ts";
import type { DecodedFaultLog } from "./logged_fault.ts";

export interface FoundFaultLog {
  /** The line of the log in which it begins, from 1. */
  readonly line: number;
  /** Its text: from the beginning of that line to where the next fault begins. */
  readonly text: string;
  readonly read: DecodedFaultLog;
}

/** What a fault begins with, of each maker; SMMUv1 and SMMUv2 among them, to say that they are not read. */
const BEGINNING = new RegExp(
  [
    "\\[\\s*(?:DMA Read|DMA Write|INTR-REMAP)\\b",
    "\\bINTR-REMAP:\\s*Request device",
    "Event logged\\s*\\[",
    "\\bevent 0x[0-9a-f]+ received",
    "\\bevent: [CEF]_",
    "\\bUnhandled context fault\\b",
    "\\bBlocked unknown Stream ID\\b",
  ].join("|"),
  "gi",
);
/** Whose line it is, where it says so. */
const MAKER = /\b(DMAR|INTR-REMAP|AMD-Vi|arm-smmu-v3 \S+|arm-smmu \S+):/i;
const TOLD = /\bevent: [CEF]_/i;

/** The faults of a log, in its order; those that cannot be read are among them. */
export function findFaultLogs(log: string): FoundFaultLog[] {
  const found: FoundFaultLog[] = [];
  let lineStart = 0;
  let read = 0;
  const starts = [...log.matchAll(BEGINNING)].map(({ index }) => {
    // Only what lies between: a log may be one line.
    const lineEnd = log.slice(read, index).lastIndexOf("\n");
    if (lineEnd >= 0) lineStart = read + lineEnd + 1;
    read = index;
    return lineStart;
  });
  const distinct = starts.filter((start, index) => start !== starts[index - 1]);
  let line = 1;
  let counted = 0;
  distinct.forEach((start, index) => {
    const text = ownLines(log.slice(start, distinct[index + 1]));
    line += lineEnds(log.slice(counted, start));
    counted = start;
    const read = decodeFaultLog(text);
    const before = found.at(-1);
    // An SMMU's record, and what a newer release says of it below, are one fault.
    if (before !== undefined && TOLD.test(text) && !TOLD.test(before.text)) {
      const both = decodeFaultLog(before.text + text);
      if (isSame(before.read, read) && both.ok) {
        found[found.length - 1] = { line: before.line, text: before.text + text, read: both };
        return;
      }
    }
    found.push({ line, text, read });
  });
  return found;
}

/**
 * Without the lines of others. A log goes on behind a fault, and what another IOMMU says there, or
 * another of the same make, is no part of it.
 */
function ownLines(text: string): string {
  const [first = "", ...rest] = text.split("\n");
  const maker = makerOf(first);
  if (maker === null) return text;
  const own = rest.filter((line) => (makerOf(line) ?? maker) === maker);
  return [first, ...own].join("\n");
}

function makerOf(line: string): string | null {
  const maker = MAKER.exec(line)?.[1]?.toLowerCase() ?? null;
  return maker === "intr-remap" ? "dmar" : maker;
}

function lineEnds(text: string): number {
  return text.split("\n").length - 1;
}

/** Two readings of one event: the same stream and address. */
function isSame(a: DecodedFaultLog, b: DecodedFaultLog): boolean {
  return a.ok && b.ok && a.fault.format === "arm" && b.fault.format === "arm" &&
    a.fault.code === b.fault.code && a.fault.streamId === b.fault.streamId &&
    a.fault.address?.low === b.fault.address?.low &&
    a.fault.address?.high === b.fault.address?.high;
}
