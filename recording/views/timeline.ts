/** A run as lanes: the activity of each CPU and each device, and the progress of each command and each request. */
import { groupBy } from "@dmalab/runtime/basics";
import { spanPlace } from "@dmalab/lang";
import { spanOfEvent } from "../last_writes.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { type Meaning, meaningAt, neverText } from "./meaning.ts";
import { phaseAt, type RequestPhase } from "./request.ts";

/** An activity in a lane, from one event to another. */
export interface TimelineSpan {
  /** The kernel function, the event, or the state of the command or of the request. */
  readonly text: string;
  /** A shorter text for little room: the distinguishing part. */
  readonly short: string;
  /** Its meaning. */
  readonly meaning: Meaning;
  /** The event that begins the activity. */
  readonly first: number;
  /** The event that ends the activity. */
  readonly last: number;
}

/**
 * A lane. It belongs to a CPU, the events inside a CPU's calls, a device, a queue, a request, or
 * mappings that were made for no request.
 */
export interface TimelineLane {
  /** The kind of the lane. */
  readonly kind: "cpu" | "work" | "device" | "queue" | "request" | "mapping";
  /** Its name. */
  readonly name: string;
  /** Rows of spans, each sorted by the first event; spans of a row do not overlap. */
  readonly rows: readonly (readonly TimelineSpan[])[];
}

/** A run as lanes. */
export interface TimelineView {
  /** CPUs, each with its events, then devices, queues, requests and leaked mappings. */
  readonly lanes: readonly TimelineLane[];
  /** The events at which virtual time is later than at every earlier event. */
  readonly times: readonly { readonly seq: number; readonly atNs: number }[];
}

/** A span that may still grow. */
interface OpenSpan {
  text: string;
  meaning: Meaning;
  readonly first: number;
  last: number;
  /** Number of events that the span represents. */
  events: number;
}

/** The lanes of one kind, by their names. */
type OpenLanes = Map<string, OpenSpan[]>;

/**
 * Two events of the same meaning are drawn as one span if there are at most this many other events
 * between them.
 */
const MAX_BETWEEN = 2;

/** Meanings with events that are joined even if the events' texts differ. */
const TOGETHER: ReadonlySet<Meaning> = new Set(["map", "unmap"]);

/**
 * The lanes of a whole run.
 * @param leaked The events of mappings and ranges that leak. These get a lane.
 */
export function timelineView(run: RecordedRun, leaked: readonly number[] = []): TimelineView {
  const { log } = run;
  const cpus: OpenLanes = new Map();
  const work: OpenLanes = new Map();
  const devices: OpenLanes = new Map();
  const requests: OpenLanes = new Map();
  const depths = new Map<string, number>();
  const times: { seq: number; atNs: number }[] = [];
  let latestNs = 0;
  for (let seq = 1; seq <= log.count; seq++) {
    const name = log.nameAt(seq);
    const atNs = log.atNs(seq);
    if (atNs > latestNs) times.push({ seq, atNs: latestNs = atNs });
    const device = log.deviceAt(seq);
    if (device !== null && log.isByDevice(seq)) {
      addEvent(laneOf(devices, device), seq, name, meaningAt(run, seq));
    } else {
      const cpu = `CPU ${log.cpuAt(seq)}`;
      if (addStep(cpus, depths, cpu, seq, name, run)) {
        addWork(laneOf(work, cpu), seq, name, meaningAt(run, seq));
      }
    }
    addPhase(run, requests, seq);
  }
  const lost = leaksByStatement(run, leaked).map(({ more, seq, text }) => ({
    ...span(text, "fault", seq, log.count),
    events: 1 + more,
  }));
  return {
    lanes: [
      ...[...cpus].sort().flatMap(([name, spans]) => [
        lane("cpu", name, spans),
        ...work.has(name) ? [lane("work", name, work.get(name)!)] : [],
      ]),
      ...[...devices].map(([name, spans]) => lane("device", name, spans)),
      ...[...queuesOf(run)].sort().map(([name, spans]) => lane("queue", name, spans)),
      ...[...requests].map(([name, spans]) => lane("request", name, spans)),
      ...lost.length > 0 ? [lane("mapping", "mappings", lost)] : [],
    ],
    times,
  };
}

/** What leaks, once for each statement that made it: what did not happen, its first event, and how many more there are. */
export function leaksByStatement(
  run: RecordedRun,
  leaked: readonly number[],
): readonly { readonly seq: number; readonly text: string; readonly more: number }[] {
  const byStatement = groupBy(leaked, (seq) => {
    const made = spanOfEvent(run, seq);
    return `${made === null ? seq : spanPlace(made)} ${neverText(run, seq)}`;
  });
  return [...byStatement.values()].map(([seq, ...more]) => ({
    seq: seq!,
    text: neverText(run, seq!),
    more: more.length,
  }));
}

function span(text: string, meaning: Meaning, first: number, last = first): OpenSpan {
  return { text, meaning, first, last, events: 1 };
}

function laneOf(lanes: OpenLanes, name: string): OpenSpan[] {
  const known = lanes.get(name) ?? [];
  lanes.set(name, known);
  return known;
}

/** Adds an event other than a call; consecutive events of the same name are one span. */
function addEvent(spans: OpenSpan[], seq: number, text: string, meaning: Meaning): void {
  const before = spans.at(-1);
  if (before?.text === text && before.last === seq - 1) {
    before.last = seq;
    before.events++;
  } else spans.push(span(text, meaning, seq));
}

/** Adds an event inside a call, joined with nearby events of the same meaning. */
function addWork(spans: OpenSpan[], seq: number, text: string, meaning: Meaning): void {
  const before = spans.at(-1);
  const isSame = before?.meaning === meaning && before.last >= seq - 1 - MAX_BETWEEN &&
    (TOGETHER.has(meaning) || before.text === text);
  if (!isSame) return void spans.push(span(text, meaning, seq));
  before.last = seq;
  before.events++;
  if (before.text !== text) before.text = meaning;
}

/**
 * Adds an event to a CPU's activity. A kernel call is one span with all its events.
 * @returns Whether the event is inside a call, and not a call itself.
 */
function addStep(
  lanes: OpenLanes,
  depths: Map<string, number>,
  cpu: string,
  seq: number,
  name: string,
  run: RecordedRun,
): boolean {
  const spans = laneOf(lanes, cpu);
  const depth = depths.get(cpu) ?? 0;
  if (name.startsWith("call.")) {
    depths.set(cpu, depth + 1);
    if (depth === 0) spans.push(span(name.slice("call.".length), "call", seq));
    else spans.at(-1)!.last = seq;
    return false;
  }
  if (depth === 0) {
    addEvent(spans, seq, name, meaningAt(run, seq));
    return false;
  }
  spans.at(-1)!.last = seq;
  if (!name.startsWith("ret.")) return true;
  depths.set(cpu, depth - 1);
  return false;
}

const PHASE_MEANINGS: Readonly<Record<RequestPhase["phase"], Meaning>> = {
  mapped: "map",
  sent: "call",
  fetched: "data",
  completed: "call",
  unmapped: "unmap",
  ended: "call",
};

/** Adds a request's state, which lasts until the next state. */
function addPhase(run: RecordedRun, lanes: OpenLanes, seq: number): void {
  const request = run.log.requestAt(seq);
  if (request === null) return;
  const spans = laneOf(lanes, `request ${request}`);
  const before = spans.at(-1);
  const phase = phaseAt(run, seq);
  if (before === undefined && phase === null) spans.push(span("begun", "call", seq));
  if (before !== undefined && phase !== null) before.last = seq - 1;
  if (phase !== null) spans.push(span(phase, PHASE_MEANINGS[phase], seq));
}

/** Commands of each queue, from their submission to their completion. */
function queuesOf(run: RecordedRun): OpenLanes {
  const lanes: OpenLanes = new Map();
  if (!run.machine.tables.has("commands")) return lanes;
  const table = run.table("commands");
  for (let row = 0; row < table.count; row++) {
    const { createdSeq, cid, device, endedSeq, queue, state } = table.row(row);
    const last = state === "completed" ? createdSeq : (endedSeq ?? run.log.count + 1) - 1;
    const meaning = state === "fetched" ? "data" : "call";
    laneOf(lanes, `${device} queue ${queue}`).push(
      span(`cid ${cid} ${state}`, meaning, createdSeq, Math.max(createdSeq, last)),
    );
  }
  return lanes;
}

/** A lane with its spans arranged in as few rows as possible. */
function lane(kind: TimelineLane["kind"], name: string, open: readonly OpenSpan[]): TimelineLane {
  const rows: TimelineSpan[][] = [];
  for (const { events, first, last, meaning, text } of open) {
    const free = rows.findIndex((row) => row.at(-1)!.last < first);
    const times = events > 1 && kind !== "cpu" ? ` ×${events}` : "";
    const made = {
      text: `${text}${times}`,
      short: `${shortOf(text)}${times}`,
      meaning,
      first,
      last,
    };
    if (free < 0) rows.push([made]);
    else rows[free]!.push(made);
  }
  return { kind, name, rows };
}

/** The distinguishing part of a name: `dma_map_phys` and `dma_unmap_phys` begin alike. */
function shortOf(text: string): string {
  return text.replace(/^(?:blk_rq_)?dma_|^[a-z_]+\./, "");
}
