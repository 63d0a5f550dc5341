/** Explains how a request was mapped: every decision, with its rule and its reasons. */
import {
  describedMemory,
  mappedAt,
  type MappedPart,
  mappedParts,
  type NvmeRequest,
  type RequestEntry,
  type RequestMemory,
  type RequestSegment,
  writtenPointer,
} from "@dmalab/devices";
import { type MachineEvent, SECTOR_SIZE_BYTES } from "@dmalab/runtime";
import { IN_NO_MAPPING } from "../../render/pictures/request_picture.ts";
import { clip, endsOf, pad } from "../../text/columns.ts";
import { formatAddress, formatCount, formatLimit, formatSize } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { siteText } from "../types/event.ts";
import { decisionList } from "./decision_list.ts";
import { explanationLines, reasonLines } from "./explanation.ts";

/**
 * Up to `longest` entries are all printed. From a longer list, the `first` and the `last` ones are
 * printed, and the others are counted.
 */
const SHOWN = { longest: 8, first: 4, last: 2 };
/** `page 4 entry 511` is the longest label. */
const LABEL_WIDTH = 16;

/**
 * A line for each entry that was written.
 *
 * @param events The request's events until the command was complete.
 * @param from Entries written before this event belong to an earlier try.
 * @param until Entries written after this event belong to a later try.
 */
function entryOrigins(
  events: readonly MachineEvent[],
  from: number,
  until: number,
  segments: readonly Omit<RequestSegment, "seq">[],
): string[] {
  const before = events.filter(({ seq }) => seq < until);
  const mappings = mappedParts(before);
  const memory = describedMemory(
    segments.map((segment) => ({ ...segment, seq: null })),
    writtenPointer(before.filter(({ seq }) => seq > from)),
    undefined,
    mappings,
  );
  const lines = memory.entries.map((entry) => originLine(entry, memory, mappings));
  return endsOf(lines, SHOWN, (hidden) => `… ${hidden.length} more`);
}

function originLine(
  entry: RequestEntry,
  { hasLengths, segments }: RequestMemory,
  mappings: readonly MappedPart[],
): string {
  const { dma, leadsTo, phys, sizeBytes } = entry;
  const size = hasLengths ? ` ${formatSize(sizeBytes)}` : "";
  const head = `${pad(labelText(entry, hasLengths), LABEL_WIDTH)}  ${formatAddress(dma)}${size}`;
  if (leadsTo === "list") return `${head}, a list`;
  const mapped = mappedAt(dma, mappings);
  if (mapped === null || phys === null) return `${head}, ${IN_NO_MAPPING} of the request`;
  const by = mapped.name === "dma.map" ? mapped.fields.api : "bus address";
  return `${head} ◄ ${segmentText(phys, segments)}, ${by} #${mapped.seq}`;
}

function labelText({ index, label, page }: RequestEntry, isSgl: boolean): string {
  if (page === null) return isSgl ? "command" : label;
  return isSgl ? `descriptor ${index}` : `page ${page} entry ${index}`;
}

/** The segment that contains an address, and the offset from its start. */
function segmentText(phys: number, segments: RequestMemory["segments"]): string {
  const index = segments.findIndex((each) =>
    phys >= each.phys && phys < each.phys + each.sizeBytes
  );
  if (index < 0) return formatAddress(phys);
  const offset = phys - segments[index]!.phys;
  return `segment ${index}${offset === 0 ? "" : ` + ${formatSize(offset)}`}`;
}

/** Events without a decision that are printed, too, because they cause later decisions. */
const CAUSES: ReadonlySet<string> = new Set([
  "inject",
  "dma.report",
  "kernel.warn",
  "nvme.timeout",
  "nvme.cancel",
]);

export function requestEventsOf({ id }: NvmeRequest, context: ExecutionContext): MachineEvent[] {
  return context.recorder.events.filter(({ request }) => request === id);
}

/**
 * Explains why a request was split and mapped as it was.
 *
 * @param title The request on one line.
 */
export function requestStory(
  request: NvmeRequest,
  title: string,
  context: ExecutionContext,
): string[] {
  const events = requestEventsOf(request, context);
  const unmappedByDriver = events.some(({ name }) => name === "nvme.unmap");
  const decisions = events.filter(({ fields, name, why }) =>
    (why !== null || CAUSES.has(name) ||
      name === "nvme.complete" && fields.status !== 0) &&
    // Leaves out the result of `blk_rq_dma_unmap` if the driver decided about the unmap. The
    // driver's decision follows, and contains this result and more.
    !(unmappedByDriver && name === "ret.blk_rq_dma_unmap")
  );
  const more = (event: MachineEvent) => moreAbout(event, request, events, context);
  return [
    title,
    ...placeLines(request, context),
    ...wholeLines(request, events, context),
    ...decisions.length > 0
      ? decisionList(decisions, context.columns, more)
      : request.done
      ? []
      : ["  no decisions recorded yet"],
    ...endLines(request, events, context),
    ...missingLines(context),
  ];
}

/** Lines about parts that are missing because their events were not recorded. */
export function missingLines({ recorder }: ExecutionContext): string[] {
  if (recorder.droppedEvents > 0) {
    return [
      `  events after #${recorder.events.at(-1)?.seq} were dropped: what came later is missing`,
    ];
  }
  return recorder.recording ? [] : ["  events are not recorded here: what they say is missing"];
}

function placeLines(request: NvmeRequest, context: ExecutionContext): string[] {
  const place = [
    request.device,
    ...request.queue === 0 ? [] : [`queue ${request.queue}`],
    ...request.cid === null ? [] : [`cid ${request.cid}`],
    ...request.retries === 0 ? [] : [formatCount(request.retries, "retry", "retries")],
  ].join(" ");
  const site = siteText(request.site, context);
  return [clip(`  ${place}${site === null ? "" : `, submitted by ${site}`}`, context.columns)];
}

/** For a request that was not split: its size compared with the limits. */
function wholeLines(
  request: NvmeRequest,
  events: readonly MachineEvent[],
  { columns }: ExecutionContext,
): string[] {
  if (request.bytes === 0 || events.some(({ name }) => name === "block.split")) return [];
  const most = formatLimit(limitSectors(request) * SECTOR_SIZE_BYTES);
  // The limit of the number of segments applies only to data from the caller.
  const segments = request.nrPhysSegments === 0 || request.op === "discard"
    ? ""
    : `, ${formatCount(request.nrPhysSegments, "segment")} (limit ${request.limits.maxSegments})`;
  const why = `${formatSize(request.bytes)} (limit ${most})${segments}`;
  return explanationLines({ title: "not split", why }, null, "block.1.3", columns);
}

/** The limit of the request's length. @see rules/block.md 1.3 */
function limitSectors({ limits, op, userCommand }: NvmeRequest): number {
  if (userCommand) return limits.maxHwSectors;
  switch (op) {
    case "discard":
      return limits.maxDiscardSectors;
    case "write_zeroes":
      return limits.maxWriteZeroesSectors;
    default:
      return limits.maxSectors;
  }
}

function moreAbout(
  event: MachineEvent,
  request: NvmeRequest,
  events: readonly MachineEvent[],
  context: ExecutionContext,
): readonly string[] {
  switch (event.name) {
    case "nvme.choose":
    case "nvme.metadata":
      return originLines(event, request, events, context);
    case "nvme.unmap":
      return unmapLines(event, events, context);
    case "ret.blk_rq_dma_map_iter_start":
    case "ret.blk_rq_integrity_dma_map_iter_start":
      return linkLines(event, events, context);
    default:
      return [];
  }
}

/** The entries that were written after a choice of format, up to the next choice. */
function originLines(
  event: MachineEvent,
  request: NvmeRequest,
  events: readonly MachineEvent[],
  { columns }: ExecutionContext,
): string[] {
  const next = events.find(({ seq, name }) =>
    seq > event.seq &&
    (name === "nvme.choose" || name === "nvme.metadata" || name === "nvme.submit")
  );
  const segments = event.name === "nvme.metadata" ? request.metadataSegments() : request.segments();
  return entryOrigins(events, event.seq, next?.seq ?? Infinity, segments)
    .map((line) => clip(`          ${line}`, columns));
}

/** The events before the given one, since the last event with one of the names. */
function eventsUpTo(
  { seq: end }: MachineEvent,
  events: readonly MachineEvent[],
  begins: readonly string[],
): readonly MachineEvent[] {
  const before = events.filter(({ seq }) => seq < end);
  return before.slice(before.findLastIndex(({ name }) => begins.includes(name)) + 1);
}

/** Lines with the number of links that make up a range, and the number of syncs. */
function linkLines(
  event: MachineEvent,
  events: readonly MachineEvent[],
  { columns }: ExecutionContext,
): string[] {
  const during = eventsUpTo(event, events, [event.name.replace("ret.", "call.")]);
  const made = (wanted: string) => during.filter(({ name }) => name === wanted).length;
  const links = made("call.dma_iova_link");
  if (links === 0) return [];
  return reasonLines(
    `${formatCount(links, "call")} of dma_iova_link, ${
      made("call.dma_iova_sync")
    } of dma_iova_sync`,
    columns,
  );
}

/** The calls that unmapped the request, and the IOTLB invalidations among them. */
function unmapLines(
  event: MachineEvent,
  events: readonly MachineEvent[],
  { columns }: ExecutionContext,
): string[] {
  const ended = eventsUpTo(event, events, ["nvme.submit", "nvme.choose"]);
  const calls = new Map<string, { count: number; sizeBytes: number }>();
  for (const { name, fields } of ended) {
    if (name !== "dma.unmap") continue;
    const { api, size_bytes } = fields;
    const call = calls.get(api) ?? { count: 0, sizeBytes: 0 };
    call.count++;
    call.sizeBytes += size_bytes;
    calls.set(api, call);
  }
  const texts = [...calls].map(([api, { count, sizeBytes }]) =>
    `${formatCount(count, "call")} of ${api}, ${formatSize(sizeBytes)}`
  );
  const syncs = ended.filter(({ name }) => name === "iotlb.sync").length;
  if (syncs > 0) texts.push(formatCount(syncs, "IOTLB invalidation"));
  return reasonLines(texts.join("; "), columns);
}

function endLines(
  request: NvmeRequest,
  events: readonly MachineEvent[],
  { columns }: ExecutionContext,
): string[] {
  if (!request.done) return [];
  const answer = events.findLast((event) => event.name === "nvme.complete");
  if (answer === undefined) {
    const sent = events.some(({ name }) => name === "nvme.submit");
    const when = sent ? "without a completion of the controller" : "before a command was built";
    return [`  completed with ${request.status} ${when}`];
  }
  const { status } = answer.fields;
  // Any other status is printed with the event that brought it.
  const why = status === 0 ? `completion with status 0, #${answer.seq}` : "";
  return explanationLines(
    { title: `completed with ${request.status}`, why },
    null,
    "nvme.4.2",
    columns,
  );
}
