/**
 * Identifies the source of a line by the line alone, because pasted text mixes lines of several
 * sources.
 *
 * @see rules/traces.md T.40 to T.43, T.57 to T.60
 */
import type { TraceLine } from "./trace_line.ts";

export type LineOrigin =
  | "kernel text"
  | "trace-cmd report"
  | "perf script"
  | "QEMU log"
  | "blkparse"
  | "kernel log"
  | "fio job"
  | "facts";

const QEMU =
  /^(?:\d+@\d+\.\d+:)?((?:pci_)?nvme_\w+|vtd_\w+|amdvi_\w+|smmu(?:v3)?_\w+|virtio_iommu_\w+)\b/;
/**
 * A line of blkparse. Its groups are device, CPU, sequence, seconds, pid, action, kind of request,
 * start and number of sectors, and the details of the action. The action `m` is a message.
 */
export const BLKPARSE =
  /^\s*(\d+,\d+)\s+(\d+)\s+(\d+)\s+(\d+\.\d+)\s+(\d+)\s+([A-Z]{1,2}|m)\s+(\S+)(?: (\d+) ([+/]) (\d+))?(.*)/;
/** A line of the summary below the events of blkparse. */
const BLKPARSE_SUMMARY =
  /^(?:(?:CPU\d+|Total) \([^)]*\):\s*$|\s(?:(?:Reads?|Writes?) (?:Queued|Dispatches|Requeued|Completed|Merges|depth)|IO unplugs|PC (?:Reads|Writes) [A-Z][a-z]+):|Throughput \(R\/W\): |Events \([^)]*\): \d+ entries|Skips: \d+ forward |Input file \S+ added)/;
const KERNEL_LOG = /^[>\s]*(?:<\d+>)?\[ *\d+\.\d+\] |\bkernel: /;
const FIO =
  /^\[[^\][]*[A-Za-z][^\][]*\]\s*$|^(?:rw|readwrite|bs|blocksize|bsrange|blocksize_range|size|iodepth|numjobs|direct|offset|rwmixread|rwmixwrite) *=/;
/** Matches a line in a dialect that prints the event's system before the event. */
const WITH_SYSTEM = /: +[a-z0-9_]+:[a-z0-9_]+: /;
const QUEUE_LIMIT =
  /^(\S+) (max_hw_sectors_kb|max_sectors_kb|max_segments|max_segment_size|virt_boundary_mask|dma_alignment|logical_block_size) (\d+)$/;

/** Patterns of the sources; the first match counts. */
const ORIGINS: readonly (readonly [LineOrigin, RegExp])[] = [
  ["QEMU log", QEMU],
  ["blkparse", BLKPARSE],
  ["blkparse", BLKPARSE_SUMMARY],
  ["kernel log", KERNEL_LOG],
  ["facts", QUEUE_LIMIT],
  ["fio job", FIO],
];

/** The source of a line that has been read; null for an unknown source. */
export function originOf(line: TraceLine): LineOrigin | null {
  if (line.kind === "event") return dialectOf(line);
  if (line.kind !== "other") return null;
  const { text } = line;
  for (const [origin, pattern] of ORIGINS) if (pattern.test(text)) return origin;
  return null;
}

/** Whether QEMU wrote a line about an event: the event's name, a blank, the fields. */
export function isQemuLine(text: string): boolean {
  const found = QEMU.exec(text);
  return found !== null && text[found[0].length] === " ";
}

/** The event or action in a line of QEMU or of blkparse. */
export function nameIn(text: string): string | undefined {
  return QEMU.exec(text)?.[1] ?? BLKPARSE.exec(text)?.[6] ??
    (BLKPARSE_SUMMARY.test(text) ? "summary" : undefined);
}

/**
 * The dialect of an event line. The dialects of user-space tools have no flags; perf prints the
 * name of the system before the event.
 */
function dialectOf(line: TraceLine): LineOrigin {
  if (line.context !== " ") return "kernel text";
  return WITH_SYSTEM.test(line.text) ? "perf script" : "trace-cmd report";
}

/** A queue limit in the form of the collector and sysfs, or null. */
export function queueLimitOf(
  text: string,
): { readonly disk: string; readonly name: string; readonly value: number } | null {
  const match = QUEUE_LIMIT.exec(text);
  return match === null ? null : { disk: match[1]!, name: match[2]!, value: Number(match[3]) };
}
