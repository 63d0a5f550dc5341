/**
 * Where each entry of a command's data pointer came from: the entry as it was written, the mapping
 * that gave its address, and the segment of the request that was mapped.
 */
import type { MachineEvent } from "@dmalab/runtime";
import { endsOf, pad } from "../../text/columns.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";

/** A run of memory of a request. */
export interface Segment {
  readonly phys: number;
  readonly sizeBytes: number;
}

/** An entry as the driver wrote it. */
interface WrittenEntry {
  readonly label: string;
  readonly dma: number;
  readonly sizeBytes: number | null;
}

/** Memory made reachable: a mapping, or a bus address that needed none. */
interface Mapped {
  readonly seq: number;
  readonly by: string;
  readonly phys: number;
  readonly dma: number;
  readonly sizeBytes: number;
}

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
  segments: readonly Segment[],
): string[] {
  const written = events.filter(({ seq }) => seq > from && seq < until);
  const entries = [...prpEntries(written), ...sglEntries(written)];
  const mapped = mappedMemory(events.filter(({ seq }) => seq < until));
  const lines = entries.map((entry) => originLine(entry, mapped, segments));
  return endsOf(lines, SHOWN, (hidden) => `⋮ ${hidden.length} more`);
}

/** The last thing that was written to each place, the command's own entries first. */
function prpEntries(events: readonly MachineEvent[]): WrittenEntry[] {
  const places = new Map<string, WrittenEntry>();
  for (const event of events) {
    if (event.name !== "nvme.prp") continue;
    const { index, entry, list_page } = event.fields;
    const label = index < 0 ? `PRP${-index}` : `page ${list_page} entry ${index}`;
    places.set(label, { label, dma: entry, sizeBytes: null });
  }
  const all = [...places.values()].filter(({ dma, label }) => dma !== 0 || label === "PRP1");
  const isOwn = ({ label }: WrittenEntry) => label.startsWith("PRP");
  return [...all.filter(isOwn), ...all.filter((entry) => !isOwn(entry))];
}

function sglEntries(events: readonly MachineEvent[]): WrittenEntry[] {
  const own: WrittenEntry[] = [];
  const listed: WrittenEntry[] = [];
  const descriptors = events.filter((event) => event.name === "nvme.sgl");
  descriptors.forEach(({ fields: { address, length_bytes } }, index) => {
    const ofCommand = index === descriptors.length - 1;
    const entry: WrittenEntry = {
      label: ofCommand ? "command" : `descriptor ${index}`,
      dma: address,
      sizeBytes: length_bytes,
    };
    (ofCommand ? own : listed).push(entry);
  });
  return [...own, ...listed];
}

function mappedMemory(events: readonly MachineEvent[]): Mapped[] {
  const mapped: Mapped[] = [];
  for (const { name, seq, fields } of events) {
    if (name === "dma.map") {
      const { api, phys, dma, size_bytes } = fields;
      mapped.push({ seq, by: api, phys, dma, sizeBytes: size_bytes });
    } else if (name === "block.segment") {
      const { path, phys, dma, size_bytes } = fields;
      if (path === "bus") mapped.push({ seq, by: "bus address", phys, dma, sizeBytes: size_bytes });
    }
  }
  return mapped;
}

function originLine(
  { label, dma, sizeBytes }: WrittenEntry,
  mapped: readonly Mapped[],
  segments: readonly Segment[],
): string {
  const size = sizeBytes === null ? "" : ` ${formatSize(sizeBytes)}`;
  const head = `${pad(label, LABEL_WIDTH)}  ${formatAddress(dma)}${size}`;
  const by = mapped.findLast((each) => dma >= each.dma && dma < each.dma + each.sizeBytes);
  if (by === undefined) return `${head}, a list`;
  const phys = by.phys + (dma - by.dma);
  return `${head} ◄ ${segmentText(phys, segments)}, ${by.by} #${by.seq}`;
}

/** Which segment an address lies in, and how far from its start. */
function segmentText(phys: number, segments: readonly Segment[]): string {
  const index = segments.findIndex((each) =>
    phys >= each.phys && phys < each.phys + each.sizeBytes
  );
  if (index < 0) return formatAddress(phys);
  const offset = phys - segments[index]!.phys;
  return `segment ${index}${offset === 0 ? "" : ` + ${formatSize(offset)}`}`;
}
