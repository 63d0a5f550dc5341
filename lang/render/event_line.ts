/**
 * Events as text: one aligned line an event.
 *
 *      seq      time  device  req  event
 *        1       0ns  ssd     #1   dma_iova_try_alloc(phys 0x10_2000, size 128KiB)
 *        2       0ns  ssd     #1     iova.alloc      start 0xfffe_0000 128KiB tree
 *        3       0ns  ssd     #1     = true
 *
 * The call that led to an event stands above it, one step to the left; the call's result ends it.
 */
import type { MachineEvent } from "../../runtime/events.ts";
import { clip, pad } from "./columns.ts";
import { type FieldReading, fieldReading } from "./field_kinds.ts";
import { formatAddress, formatSize, formatTimeRounded } from "./numbers.ts";

/** Fields whose name says no more than their value does. */
const SELF_EXPLAINING: ReadonlySet<string> = new Set([
  "size_bytes",
  "size",
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
]);

/** Which columns a line has, and how wide they are. */
export interface EventLayout {
  readonly seqWidth: number;
  readonly timeWidth: number;
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

/** A layout for events that are printed as they happen, when nothing is known of those to come. */
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
 * @param layout The columns; those of a stream when left out.
 * @param depth How many kernel calls are open around it.
 */
export function formatEvent(
  event: MachineEvent,
  layout: EventLayout = STREAM_LAYOUT,
  depth: number = 0,
): string {
  const cells = [
    pad(String(event.seq), layout.seqWidth, "right"),
    pad(formatTimeRounded(event.at_ns), layout.timeWidth, "right"),
  ];
  if (layout.cpu) cells.push(`cpu${event.cpu}`);
  if (layout.deviceWidth > 0) cells.push(pad(event.device ?? "", layout.deviceWidth));
  if (layout.requestWidth > 0) {
    cells.push(pad(event.request === null ? "" : `#${event.request}`, layout.requestWidth));
  }
  cells.push(`${"  ".repeat(depth)}${formatEventText(event, layout.nameWidth - 2 * depth)}`);
  return clip(cells.join("  ").trimEnd(), layout.columns);
}

/**
 * Events as a table with a title line, in at most `columns`.
 *
 * Columns that would hold the same for every event are left out: with one device and one request
 * in a trace, the lines belong to what happened.
 */
export function formatEvents(events: readonly MachineEvent[], columns: number): string[] {
  const layout = layoutFor(events, columns);
  const lines = [formatTitle(layout)];
  let depth = 0;
  for (const event of events) {
    if (event.name.startsWith("ret.") && depth > 0) depth--;
    lines.push(formatEvent(event, layout, event.name.startsWith("ret.") ? depth + 1 : depth));
    if (event.name.startsWith("call.")) depth++;
  }
  return lines;
}

function layoutFor(events: readonly MachineEvent[], columns: number): EventLayout {
  const widest = (texts: Iterable<string>, least: number) => {
    let width = least;
    for (const text of texts) width = Math.max(width, text.length);
    return width;
  };
  const devices = new Set(events.map((event) => event.device ?? ""));
  const requests = new Set(events.map((event) => event.request));
  return {
    seqWidth: widest(events.slice(-1).map((event) => String(event.seq)), 4),
    timeWidth: widest(events.map((event) => formatTimeRounded(event.at_ns)), 6),
    cpu: new Set(events.map((event) => event.cpu)).size > 1,
    deviceWidth: devices.size > 1 ? widest(devices, 6) : 0,
    requestWidth: requests.size > 1 ? 4 : 0,
    nameWidth: 16,
    columns,
  };
}

function formatTitle(layout: EventLayout): string {
  const cells = [pad("seq", layout.seqWidth, "right"), pad("time", layout.timeWidth, "right")];
  if (layout.cpu) cells.push("cpu ");
  if (layout.deviceWidth > 0) cells.push(pad("device", layout.deviceWidth));
  if (layout.requestWidth > 0) cells.push(pad("req", layout.requestWidth));
  cells.push("event");
  return cells.join("  ");
}

/** An event's name and fields, as a call, a result or `name fields`. */
export function formatEventText(event: MachineEvent, nameWidth: number = 0): string {
  const fields = Object.entries(event.fields as Readonly<Record<string, unknown>>);
  if (event.name.startsWith("call.")) {
    const args = fields.filter(([name, value]) =>
      !isEmpty(value) && !(name === "dev" && value === event.device)
    ).map(([name, value]) => `${name} ${formatFieldValue(fieldReading(event.name, name), value)}`);
    return `${event.name.slice(5)}(${args.join(", ")})`;
  }
  if (event.name.startsWith("ret.")) {
    const { result, error } = event.fields as { result?: unknown; error?: string | null };
    if (typeof error === "string") return `= ${error}`;
    if (result === null || result === undefined) return "= done";
    return `= ${formatFieldValue(fieldReading(event.name, "result"), result)}`;
  }
  const shown = fields.filter(([, value]) => !isEmpty(value)).map(([name, value]) => {
    const text = formatFieldValue(fieldReading(event.name, name), value);
    return SELF_EXPLAINING.has(name) ? text : `${name.replace(/_bytes$/, "")} ${text}`;
  });
  return `${pad(event.name, nameWidth)}  ${shown.join(" ")}`.trimEnd();
}

/** A field's value as text, read as its name says. */
export function formatFieldValue(reading: FieldReading, value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) {
    return reading === "leaves"
      ? (value as readonly (readonly [number, number])[])
        .map(([sizeBytes, count]) => `${count}×${formatSize(sizeBytes)}`).join("+")
      : value.join("+");
  }
  if (typeof value !== "number") return String(value);
  if (reading === "dma" || reading === "phys") return formatAddress(value);
  return reading === "size" ? formatSize(value) : String(value);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}
