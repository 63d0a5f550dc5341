/**
 * Events as text: one aligned line for each event.
 *
 *     seq      time  device  req  event
 *       1       0ns  ssd     #1   dma_iova_try_alloc(0x10_2000, 128KiB)
 *       2       0ns  ssd     #1     iova.alloc      start 0xfffe_0000 128KiB tree
 *       3       0ns  ssd     #1     = true
 *
 * The call that led to an event is above the event, indented one step less. The line with the
 * call's result ends the call.
 */
import { fieldOf, isCall, isReturn, type KernelCall, type MachineEvent } from "@dmalab/runtime";
import { type Field, type FieldKind, isAddress } from "@dmalab/runtime/vocabulary";
import { clip, pad } from "../text/columns.ts";
import { shownParts } from "../text/repeats.ts";
import {
  formatAddress,
  formatCount,
  formatDuration,
  formatSize,
  formatTimeRounded,
} from "../text/numbers.ts";

/**
 * Fields that are printed as the value without the field's name, unless the value is a plain
 * number.
 */
const SELF_EXPLAINING: ReadonlySet<string> = new Set([
  "size_bytes",
  "size",
  "phys",
  "dir",
  "direction",
  "path",
  "source",
  "to",
  "format",
  "access",
  "hit",
  "reason",
  "cause",
  "status",
  "what",
  "kind",
  "class",
  "text",
  "leaves",
  "prot",
  "verdict",
  "map_type",
  "which",
  "api",
]);

/** The columns of a line, and their widths. */
export interface EventLayout {
  /** Width of the column of numbers, 0 for none. */
  readonly seqWidth: number;
  /** Width of the column of times. */
  readonly timeWidth: number;
  /** Whether there is a column of CPUs. */
  readonly cpu: boolean;
  /** Width of the device column, 0 for none. */
  readonly deviceWidth: number;
  /** Width of the request column, 0 for none. */
  readonly requestWidth: number;
  /** Width of an event's name. */
  readonly nameWidth: number;
  /** Lines are cut at this width. */
  readonly columns: number;
}

/** The layout for printing events as they happen, when later events are not known. */
export const STREAM_LAYOUT: EventLayout = {
  seqWidth: 5,
  timeWidth: 8,
  cpu: false,
  deviceWidth: 6,
  requestWidth: 4,
  nameWidth: 16,
  columns: Infinity,
};

/**
 * One event on one line.
 *
 * @param event The event.
 * @param layout The columns; by default those of a stream.
 * @param depth Number of kernel calls in progress at the event.
 */
export function formatEvent(
  event: MachineEvent,
  layout: EventLayout = STREAM_LAYOUT,
  depth: number = 0,
): string {
  const cells = [pad(formatTimeRounded(event.at_ns), layout.timeWidth, "right")];
  if (layout.seqWidth > 0) cells.unshift(pad(String(event.seq), layout.seqWidth, "right"));
  if (layout.cpu) cells.push(`cpu${event.cpu}`);
  if (layout.deviceWidth > 0) cells.push(pad(event.device ?? "", layout.deviceWidth));
  if (layout.requestWidth > 0) {
    cells.push(pad(event.request === null ? "" : `#${event.request}`, layout.requestWidth));
  }
  const text = formatEventText(event, layout.nameWidth - 2 * depth, depth > 0);
  cells.push(`${"  ".repeat(depth)}${text}`);
  return clip(cells.join("  ").trimEnd(), layout.columns);
}

/**
 * Events as a table with a title line, in at most `columns`.
 *
 * Columns with the same value for every event are left out; for example, a trace with one device
 * and one request has neither a device nor a request column. If the same events are repeated, for
 * example for each page of a request, only the first and the last repetition are shown, and the
 * others are counted.
 */
export function formatEvents(events: readonly MachineEvent[], columns: number): string[] {
  const depths = depthsOf(events);
  const layout = layoutFor(events, depths, columns);
  const lines = [formatTitle(layout)];
  const same = (a: number, b: number) =>
    events[a]!.name === events[b]!.name && depths[a] === depths[b];
  for (const { start, end, hiddenTimes } of shownParts(events.length, same)) {
    for (let at = start; at < end; at++) lines.push(formatEvent(events[at]!, layout, depths[at]!));
    if (hiddenTimes === 0) continue;
    const column = formatTitle(layout).length - EVENT_TITLE.length;
    const indent = " ".repeat(column) + "  ".repeat(depths[start]!);
    lines.push(clip(`${indent}${repeatText(end - start, hiddenTimes)}`, columns));
  }
  return lines;
}

/** The line that replaces events: `… last 5 events repeated 30 times`. */
export function repeatText(events: number, times: number): string {
  const what = events === 1 ? "last event" : `last ${events} events`;
  return `… ${what} repeated ${formatCount(times, "time")}`;
}

/**
 * Number of kernel calls that are open at each event; a call's result is indented below its call.
 */
function depthsOf(events: readonly MachineEvent[]): number[] {
  let depth = 0;
  return events.map((event) => {
    if (isReturn(event)) {
      const own = depth;
      depth = Math.max(0, depth - 1);
      return Math.max(own, 1);
    }
    return isCall(event) ? depth++ : depth;
  });
}

function layoutFor(
  events: readonly MachineEvent[],
  depths: readonly number[],
  columns: number,
): EventLayout {
  const widest = (texts: Iterable<string>, least: number) => {
    let width = least;
    for (const text of texts) width = Math.max(width, text.length);
    return width;
  };
  const distinct = <T>(values: readonly (T | null)[]) =>
    new Set(values.filter((value) => value !== null));
  const plainNames = events.map((event, at) => "  ".repeat(depths[at]!) + event.name)
    .filter((name) => !/^ *(call|ret)\./.test(name));
  const devices = distinct(events.map((event) => event.device));
  const requests = distinct(events.map((event) => event.request));
  return {
    seqWidth: widest(events.slice(-1).map((event) => String(event.seq)), 3),
    timeWidth: widest(events.map((event) => formatTimeRounded(event.at_ns)), 5),
    cpu: distinct(events.map((event) => event.cpu)).size > 1,
    deviceWidth: devices.size > 1 ? widest(devices, 6) : 0,
    requestWidth: requests.size > 1 ? 4 : 0,
    nameWidth: Math.min(MAX_NAME, widest(plainNames, 10)),
    columns,
  };
}

/** Largest width of the column of names; longer names extend beyond the column. */
const MAX_NAME = 18;

const EVENT_TITLE = "event";

export function formatTitle(layout: EventLayout): string {
  const cells = [pad("time", layout.timeWidth, "right")];
  if (layout.seqWidth > 0) cells.unshift(pad("seq", layout.seqWidth, "right"));
  if (layout.cpu) cells.push("cpu ");
  if (layout.deviceWidth > 0) cells.push(pad("device", layout.deviceWidth));
  if (layout.requestWidth > 0) cells.push(pad("req", layout.requestWidth));
  return [...cells, EVENT_TITLE].join("  ");
}

/** A piece of a text: words, or the value of a field. */
export interface TextPart {
  /** The printed text. */
  readonly text: string;
  /** The field's name; null for words. */
  readonly name: string | null;
  /** The kind of the value; null for words. */
  readonly kind: FieldKind | null;
  /** The value; null for words. */
  readonly value: unknown;
}

function words(text: string): TextPart {
  return { text, name: null, kind: null, value: null };
}

export function valuePart(name: string, field: Field, value: unknown) {
  return { name, kind: field.kind, value, text: formatFieldValue(field, value) };
}

/**
 * An event's name and fields, as a call, a result or `name fields`.
 *
 * @param nameWidth Names are padded to this width.
 * @param inCall True if the event is in a kernel call with a name that is printed already.
 */
export function formatEventText(event: MachineEvent, nameWidth = 0, inCall = false): string {
  return eventParts(event, nameWidth, inCall).map(({ text }) => text).join("").trimEnd();
}

/**
 * The parts of the text of {@linkcode formatEventText}; each value is a part separate from the
 * words around it.
 */
export function eventParts(event: MachineEvent, nameWidth = 0, inCall = false): TextPart[] {
  if (isReturn(event)) return resultParts(event);
  const fields = Object.entries<unknown>(event.fields).filter(([, value]) => !isEmpty(value));
  if (isCall(event)) {
    // A request's data may have hundreds of segments; the request's picture shows them.
    const args = fields.filter(([name, value]) =>
      !(name === "dev" && value === event.device) && name !== "data"
    )
      .map(([name, value]) => fieldParts(event, name, value));
    return [words(`${event.name.slice(5)}(`), ...joined(args, ", "), words(")")];
  }
  const name = words(`${pad(event.name, nameWidth)}  `);
  if (event.name === "nvme.prp" && event.fields.index < 0) {
    // An entry of the command itself, and not of a PRP list, has a negative index.
    return [name, words(`PRP${-event.fields.index} `), eventValue(event, "entry")];
  }
  if (event.name === "pci.tlp") return [name, ...hopParts(event)];
  const shown = leadsTo(event);
  const leads = shown.length > 0;
  for (const [name, value] of fields) {
    const isClear = leads && isEnd(name) || name === "api" && inCall ||
      // Site numbers are left out: only the run can convert them to locations.
      name.endsWith("_site") ||
      // The hardware's range is only printed if it is larger than the requested one.
      name.startsWith("hw_") && value === event.fields[name.slice(3) as never];
    if (!isClear) shown.push(fieldParts(event, name, value));
  }
  return [name, ...joined(shown, " ")];
}

function joined(groups: readonly (readonly TextPart[])[], between: string): TextPart[] {
  return groups.flatMap((group, index) => index === 0 ? group : [words(between), ...group]);
}

function eventValue(event: MachineEvent, name: string): TextPart {
  return valuePart(name, fieldOf(event, name)!, event.fields[name as never]);
}

/** `3: sw0.up → rp0 0xffff_d000 write`, followed by the verdict unless it is `forward`. */
function hopParts(event: MachineEvent<"pci.tlp">): TextPart[] {
  const { from, to, hop, verdict, kind } = event.fields;
  const stop = verdict === "forward" ? "" : `: ${verdict}`;
  return [
    words(`${hop}: ${from} → ${to} `),
    eventValue(event, "address"),
    words(` ${kind}${stop}`),
  ];
}

/** `= result`: the result of a call, or its error. */
function resultParts(event: MachineEvent<`ret.${KernelCall}`>): TextPart[] {
  const { error, result } = event.fields;
  if (error !== null) return [words(`= ${error}`)];
  return result === null ? [words("= done")] : [words("= "), eventValue(event, "result")];
}

function isEnd(name: string): boolean {
  return name === "dma" || name === "iova" || name === "phys";
}

/**
 * The target of a device address, for events that have both the device address and the physical
 * address: `0xffff_f000 → 0x10_2000`.
 */
function leadsTo(event: MachineEvent): TextPart[][] {
  const known = event.fields as Readonly<Record<string, unknown>>;
  const from = (["dma", "iova"] as const).find((name) => typeof known[name] === "number");
  return from === undefined || typeof known.phys !== "number"
    ? []
    : [[eventValue(event, from), words(" → "), eventValue(event, "phys")]];
}

function fieldParts(event: MachineEvent, name: string, value: unknown): TextPart[] {
  const field = fieldOf(event, name)!;
  const part = valuePart(name, field, value);
  const plain = typeof value === "number" && field.kind !== "size" && !isAddress(field);
  return SELF_EXPLAINING.has(name) && !plain
    ? [part]
    : [words(`${name.replace(/_bytes$/, "")} `), part];
}

export function formatFieldValue(field: Field, value: unknown): string {
  if (value === null) return "none";
  if (Array.isArray(value)) {
    const pairs = value as readonly (readonly [number, number])[];
    if (field.kind === "leaves") {
      return pairs.map(([sizeBytes, count]) => `${count}×${formatSize(sizeBytes)}`).join("+");
    }
    if (field.kind === "segments") {
      return pairs.map(([phys, sizeBytes]) => `${formatAddress(phys)} ${formatSize(sizeBytes)}`)
        .join(" + ");
    }
    if (field.kind === "table_runs") return tableRunsText(value);
    return value.join("+");
  }
  if (typeof value !== "number") return String(value);
  if (isAddress(field)) return formatAddress(value);
  if (field.kind === "duration") return formatDuration(value);
  return field.kind === "size" ? formatSize(value) : String(value);
}

function tableRunsText(runs: readonly (readonly [number, number, number, string])[]): string {
  return runs.map(([virt, dma, sizeBytes, prot]) =>
    `${formatAddress(virt)} → ${formatAddress(dma)} ${formatSize(sizeBytes)} ${prot}`
  ).join(" + ");
}

function isEmpty(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}
