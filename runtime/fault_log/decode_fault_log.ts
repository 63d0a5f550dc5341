/** Reads the fault line of a kernel log, of any supported IOMMU. */
import { PC_MSI_END, PC_MSI_START } from "../address.ts";
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

/**
 * Where x86 has its interrupts, a fault is about no mapping: IOVAs are never allocated there, and the hardware takes a
 * write as an interrupt, whatever is mapped. With a PASID the address is one of a process.
 *
 * @see rules/dma.md 4.6
 */
function judged(fault: LoggedFault): LoggedFault {
  const { address, format, name, pasid, reason } = fault;
  const isOfPc = format === "vtd" || format === "amd";
  if (!isOfPc || address === null || pasid !== null || reason === "interrupt_refused") return fault;
  const isInterrupt = address.high === 0 && address.low >= PC_MSI_START &&
    address.low < PC_MSI_END;
  if (!isInterrupt) return fault;
  return {
    ...fault,
    reason: "interrupt_refused",
    name: `${name}, where interrupts are written`,
    means:
      "The address is one of 0xfee00000 to 0xfeefffff, where x86 has its interrupts (MSI): no driver's mapping " +
      "is there. The device sent an interrupt that was refused, or an access whose address is wrong",
  };
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
    if (choice !== null) return { ok: true, fault: judged(DECODERS[choice.format](cursor)) };
    return cursor.fail('expected a line with "DMAR:", "AMD-Vi:", "arm-smmu-v3" or "virtio_iommu"');
  } catch (error) {
    if (error instanceof LogError) return { ok: false, problem: error.problem };
    throw error;
  }
}
