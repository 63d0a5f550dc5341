/**
 * Finds the log line with which a fault begins, and the maker of the IOMMU that a line is about.
 *
 * The beginning of the fault's first line selects the parser; words in later lines do not matter.
 *
 * @see rules/traces.md T.44, T.49 to T.51
 */
import type { FaultLogFormat } from "./logged_fault.ts";

/** The first words of a fault's line, by maker. */
const HEADS: readonly (readonly [RegExp, FaultLogFormat])[] = [
  [/\[\s*(?:DMA Read|DMA Write|INTR-REMAP)\b|\bINTR-REMAP:\s*Request device/i, "vtd"],
  [/\bEvent logged\s*\[/i, "amd"],
  [/\bUnhandled context fault\b|\bBlocked unknown Stream ID\b/i, "arm_v2"],
  [/\barm-smmu-v3 \S+:\s*event(?: 0x[0-9a-f]+ received|:\s*(?:[CEF]_|UNKNOWN\b))/i, "arm"],
  // A line that was pasted without the unit's name.
  [/^[\s>]*event(?: 0x[0-9a-f]+ received|:\s*(?:[CEF]_|UNKNOWN\b))/i, "arm"],
];
/** None of the patterns above can match a line without one of these words. */
const ANY_HEAD = /DMA (?:Read|Write)|INTR-REMAP|Event logged|context fault|Stream ID|event:? /i;

/** The log format of the fault that begins in this line, or null. */
export function faultHead(line: string): FaultLogFormat | null {
  if (!ANY_HEAD.test(line)) return null;
  return HEADS.find(([head]) => head.test(line))?.[1] ?? null;
}

/** The IOMMU maker named in a line; for an SMMU, the maker with the name of the unit. */
const MAKER = /\b(DMAR|INTR-REMAP|AMD-Vi|arm-smmu-v3 \S+|arm-smmu \S+):/i;

/** The IOMMU that a line names, in lower case, or null. */
export function makerOf(line: string): string | null {
  const maker = MAKER.exec(line)?.[1]?.toLowerCase() ?? null;
  return maker === "intr-remap" ? "dmar" : maker;
}

/** Whether the line is the decoded form of an SMMU's record, as newer releases print it. */
export function isDecodedEvent(line: string): boolean {
  return /\bevent:\s*(?:[CEF]_|UNKNOWN\b)/i.test(line);
}
