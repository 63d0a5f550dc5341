/** Reads the fault line of a kernel log, whichever IOMMU it is of. */
import { decodeAmd } from "./amd.ts";
import { LogCursor, LogError } from "./log_cursor.ts";
import type { DecodedFaultLog, LoggedFault } from "./logged_fault.ts";
import { decodeSmmu } from "./smmu.ts";
import { decodeVtd } from "./vtd.ts";

type Decoder = (cursor: LogCursor) => LoggedFault;

/** What tells whose fault it is, of each maker. */
const DECODERS: readonly (readonly [RegExp, Decoder])[] = [
  [/AMD-Vi|Event logged/i, decodeAmd],
  [/\bsmmu|\bevent:? (?:0x|[CEF]_)/i, decodeSmmu],
  [/DMAR|Request device|INTR-REMAP|fault reason/i, decodeVtd],
];

/** The one whose mark comes first: behind a fault, the log goes on with what others say. */
function decoderOf(text: string): Decoder | null {
  const marks = DECODERS.map(([mark, decode]) => ({ at: text.search(mark), decode }));
  const found = marks.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
  return found[0]?.decode ?? null;
}

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
    const decode = decoderOf(text);
    if (decode !== null) return { ok: true, fault: decode(cursor) };
    return cursor.fail('expected a line with "DMAR:", "AMD-Vi:" or "arm-smmu-v3"');
  } catch (error) {
    if (error instanceof LogError) return { ok: false, problem: error.problem };
    throw error;
  }
}
