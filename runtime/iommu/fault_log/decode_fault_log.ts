/** Reads the fault line of a kernel log, whichever IOMMU it is of. */
import { decodeAmd } from "./amd.ts";
import { LogCursor, LogError } from "./log_cursor.ts";
import type { DecodedFaultLog } from "./logged_fault.ts";
import { decodeSmmu } from "./smmu.ts";
import { decodeVtd } from "./vtd.ts";

/**
 * Decodes the first fault in a text: one line, or the lines that belong to one fault.
 *
 * Prefixes are skipped: timestamps, host names, `kernel:`, the marks of quoted mail.
 *
 * @example
 * ```ts
 * const read = decodeFaultLog(
 *   "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xff000000 [fault reason 0x06]",
 * );
 * assert(read.ok && read.fault.reason === "not_readable");
 * ```
 */
export function decodeFaultLog(text: string): DecodedFaultLog {
  const cursor = new LogCursor(text);
  try {
    if (/AMD-Vi|Event logged/i.test(text)) return { ok: true, fault: decodeAmd(cursor) };
    if (/\bsmmu|\bevent:? (?:0x|[CEF]_)/i.test(text)) {
      return { ok: true, fault: decodeSmmu(cursor) };
    }
    if (/DMAR|Request device|INTR-REMAP|fault reason/i.test(text)) {
      return { ok: true, fault: decodeVtd(cursor) };
    }
    return cursor.fail('expected a line with "DMAR:", "AMD-Vi:" or "arm-smmu-v3"');
  } catch (error) {
    if (error instanceof LogError) return { ok: false, problem: error.problem };
    throw error;
  }
}
