/**
 * Where each entry of a command's data pointer came from: the entry as it was written, the mapping
 * that gave its address, and the segment of the request that was mapped.
 */
import {
  describedMemory,
  type RequestEntry,
  type RequestMemory,
  type RequestSegment,
  writtenPointer,
} from "@dmalab/devices/nvme";
import type { MachineEvent } from "@dmalab/runtime";
import { endsOf, pad } from "../../text/columns.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";

/** Entries printed before the rest is only counted, and how many stay at the ends. */
const SHOWN = { longest: 8, first: 4, last: 2 };
/** `page 4 entry 511` is the longest label. */
const LABEL_WIDTH = 16;

/**
 * A line for each entry that was written.
 *
 * @param events What the request caused until the command was complete.
 * @param from Entries written before this event are another try's.
 * @param until Those after it are another's, too.
 */
export function entryOrigins(
  events: readonly MachineEvent[],
  from: number,
  until: number,
  segments: readonly Omit<RequestSegment, "seq">[],
): string[] {
  const before = events.filter(({ seq }) => seq < until);
  const memory = describedMemory(
    segments.map((segment) => ({ ...segment, seq: null })),
    writtenPointer(before.filter(({ seq }) => seq > from)),
  );
  const lines = memory.entries.map((entry) => originLine(entry, memory, before));
  return endsOf(lines, SHOWN, (hidden) => `… ${hidden.length} more`);
}

function originLine(
  entry: RequestEntry,
  { hasLengths, segments }: RequestMemory,
  events: readonly MachineEvent[],
): string {
  const { dma, sizeBytes } = entry;
  const size = hasLengths ? ` ${formatSize(sizeBytes)}` : "";
  const head = `${pad(labelText(entry, hasLengths), LABEL_WIDTH)}  ${formatAddress(dma)}${size}`;
  const mapped = events.findLast((event) => {
    // Memory is made reachable by a mapping, or by a bus address that needs none.
    const isMapped = event.name === "dma.map" ||
      event.name === "block.segment" && event.fields.path === "bus";
    return isMapped && dma >= event.fields.dma && dma < event.fields.dma + event.fields.size_bytes;
  }) as MachineEvent<"dma.map" | "block.segment"> | undefined;
  if (mapped === undefined) return `${head}, a list`;
  const phys = mapped.fields.phys + (dma - mapped.fields.dma);
  const by = mapped.name === "dma.map" ? mapped.fields.api : "bus address";
  return `${head} ◄ ${segmentText(phys, segments)}, ${by} #${mapped.seq}`;
}

function labelText({ index, label, page }: RequestEntry, isSgl: boolean): string {
  if (page === null) return isSgl ? "command" : label;
  return isSgl ? `descriptor ${index}` : `page ${page} entry ${index}`;
}

/** Which segment an address lies in, and how far from its start. */
function segmentText(phys: number, segments: RequestMemory["segments"]): string {
  const index = segments.findIndex((each) =>
    phys >= each.phys && phys < each.phys + each.sizeBytes
  );
  if (index < 0) return formatAddress(phys);
  const offset = phys - segments[index]!.phys;
  return `segment ${index}${offset === 0 ? "" : ` + ${formatSize(offset)}`}`;
}
