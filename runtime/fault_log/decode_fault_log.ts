/** Reads the fault line of a kernel log, of any supported IOMMU. */
import { decodeAmd } from "./amd.ts";
import { faultHead, makerOf } from "./fault_lines.ts";
import { LogCursor, LogError } from "./log_cursor.ts";
import type { DecodedFaultLog, FaultLogFormat, LoggedFault } from "./logged_fault.ts";
import { decodeSmmu } from "./smmu.ts";
import { decodeOldSmmu } from "./smmu_v2.ts";
import { decodeVirtio } from "./virtio.ts";
import { decodeVtd } from "./vtd.ts";

const DECODERS: Readonly<Record<FaultLogFormat, (cursor: LogCursor) => LoggedFault>> = {
  vtd: decodeVtd,
  amd: decodeAmd,
  arm: decodeSmmu,
  arm_v2: decodeOldSmmu,
  virtio: decodeVirtio,
};

/** Words that identify the IOMMU maker of a line, used when no line begins a fault. */
const MARKS: readonly (readonly [RegExp, FaultLogFormat])[] = [
  [/AMD-Vi|Event logged/i, "amd"],
  [/\barm-smmu-v3\b|\bevent:? (?:0x|[CEF]_)/i, "arm"],
  [/\barm-smmu\b/i, "arm_v2"],
  [/\bvirtio_iommu\b|\bfault from EP\b/i, "virtio"],
  [/DMAR|Request device|INTR-REMAP|fault reason/i, "vtd"],
];

/** The line that begins the fault, and its IOMMU maker's format. */
function chosen(lines: readonly string[]): { at: number; format: FaultLogFormat } | null {
  for (const [at, line] of lines.entries()) {
    const format = faultHead(line);
    if (format !== null) return { at, format };
  }
  for (const [at, line] of lines.entries()) {
    const format = MARKS.find(([mark]) => mark.test(line))?.[1];
    if (format !== undefined) return { at, format };
  }
  return null;
}

/** The text, in which blanks replace everything before the fault and all unrelated lines after it. */
function ownText(lines: readonly string[], at: number): string {
  const maker = makerOf(lines[at]!);
  return lines.map((line, index) => {
    const other = index > at && maker !== null && (makerOf(line) ?? maker) !== maker;
    return index < at || other ? " ".repeat(line.length) : line;
  }).join("\n");
}

/**
 * Decodes the first fault in a text: one line, or the lines that belong to one fault.
 *
 * Prefixes of a line are skipped: timestamps, host names, `kernel:`, quote marks of mail. Unrelated
 * lines between the fault's lines are skipped, too.
 *
 * @example
 * ```ts
 * const read = decodeFaultLog(
 *   "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xff000000 [fault reason 0x06]",
 * );
 * if (!read.ok || read.fault.reason !== "not_readable") throw new Error("It was read otherwise");
 * ```
 */
export function decodeFaultLog(text: string): DecodedFaultLog {
  const lines = text.split("\n");
  const choice = chosen(lines);
  const cursor = new LogCursor(choice === null ? text : ownText(lines, choice.at));
  try {
    if (choice !== null) return { ok: true, fault: DECODERS[choice.format](cursor) };
    return cursor.fail('expected a line with "DMAR:", "AMD-Vi:", "arm-smmu-v3" or "virtio_iommu"');
  } catch (error) {
    if (error instanceof LogError) return { ok: false, problem: error.problem };
    throw error;
  }
}
