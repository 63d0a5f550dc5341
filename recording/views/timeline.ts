/** A run as lanes: what each CPU and each device did, how far each command of a queue and each request was. */
import type { RecordedRun } from "../recorded_run.ts";
import { phaseAt } from "./request.ts";

/** What a lane does from one event to another. */
export interface TimelineSpan {
  /** The kernel function, the event, or the state of the command or of the request. */
  readonly text: string;
  /** The event that begins it. */
  readonly first: number;
  /** The last event of it. */
  readonly last: number;
  /** On which line of its lane it stands, from 0: none overlaps another one of the same line. */
  readonly line: number;
}

/** A CPU, a device, a queue or a request. */
export interface TimelineLane {
  /** What it is. */
  readonly kind: "cpu" | "device" | "queue" | "request";
  /** Its name. */
  readonly name: string;
  /** How many lines its spans take. */
  readonly lines: number;
  /** By the events that begin them. */
  readonly spans: readonly TimelineSpan[];
}

/** A run as lanes. */
export interface TimelineView {
  /** CPUs, then devices, queues and requests. */
  readonly lanes: readonly TimelineLane[];
  /** The events at which virtual time is later than at all before. */
  readonly times: readonly { readonly seq: number; readonly atNs: number }[];
}

/** A span that may still grow. */
type OpenSpan = { -readonly [K in keyof Omit<TimelineSpan, "line">]: TimelineSpan[K] };

/** The lanes of one kind, by their names. */
type OpenLanes = Map<string, OpenSpan[]>;

/** The lanes of a whole run. */
export function timelineView(run: RecordedRun): TimelineView {
  const { log } = run;
  const cpus: OpenLanes = new Map();
  const devices: OpenLanes = new Map();
  const requests: OpenLanes = new Map();
  const depths = new Map<string, number>();
  const times: { seq: number; atNs: number }[] = [];
  for (let seq = 1; seq <= log.count; seq++) {
    const name = log.nameAt(seq);
    const atNs = log.atNs(seq);
    if (atNs > (times.at(-1)?.atNs ?? 0)) times.push({ seq, atNs });
    const device = log.deviceAt(seq);
    if (device !== null && log.isByDevice(seq)) {
      addEvent(laneOf(devices, device), seq, name);
    } else addStep(cpus, depths, `CPU ${log.cpuAt(seq)}`, seq, name);
    addPhase(run, requests, seq);
  }
  return {
    lanes: [
      ...[...cpus].sort().map(([name, spans]) => lane("cpu", name, spans)),
      ...[...devices].map(([name, spans]) => lane("device", name, spans)),
      ...[...queuesOf(run)].sort().map(([name, spans]) => lane("queue", name, spans)),
      ...[...requests].map(([name, spans]) => lane("request", name, spans)),
    ],
    times,
  };
}

/** The spans of some lane; a new one has none. */
function laneOf(lanes: OpenLanes, name: string): OpenSpan[] {
  const known = lanes.get(name) ?? [];
  lanes.set(name, known);
  return known;
}

/** An event that is no call; several of the same name that follow each other are one span. */
function addEvent(spans: OpenSpan[], seq: number, text: string): void {
  const before = spans.at(-1);
  if (before?.text === text && before.last === seq - 1) before.last = seq;
  else spans.push({ text, first: seq, last: seq });
}

/** What a CPU does: a kernel call is a span with all that happens in it. */
function addStep(
  lanes: OpenLanes,
  depths: Map<string, number>,
  cpu: string,
  seq: number,
  name: string,
): void {
  const spans = laneOf(lanes, cpu);
  const depth = depths.get(cpu) ?? 0;
  if (name.startsWith("call.")) {
    depths.set(cpu, depth + 1);
    if (depth === 0) spans.push({ text: name.slice("call.".length), first: seq, last: seq });
    else spans.at(-1)!.last = seq;
  } else if (depth === 0) addEvent(spans, seq, name);
  else {
    if (name.startsWith("ret.")) depths.set(cpu, depth - 1);
    spans.at(-1)!.last = seq;
  }
}

/** A request's state lasts until the next one. */
function addPhase(run: RecordedRun, lanes: OpenLanes, seq: number): void {
  const request = run.log.requestAt(seq);
  if (request === null) return;
  const spans = laneOf(lanes, `request ${request}`);
  const before = spans.at(-1);
  const phase = phaseAt(run, seq);
  if (before === undefined) spans.push({ text: "begun", first: seq, last: seq });
  else if (phase !== null) before.last = seq - 1;
  if (phase !== null) spans.push({ text: phase, first: seq, last: seq });
}

/** Commands of each queue, from when they are put there until their completion. */
function queuesOf(run: RecordedRun): OpenLanes {
  const lanes: OpenLanes = new Map();
  if (!run.machine.tables.has("commands")) return lanes;
  const table = run.table("commands");
  for (let row = 0; row < table.count; row++) {
    const { createdSeq, cid, device, endedSeq, queue, state } = table.row(row);
    const last = state === "completed" ? createdSeq : (endedSeq ?? run.log.count + 1) - 1;
    laneOf(lanes, `${device} queue ${queue}`).push({
      text: `cid ${cid} ${state}`,
      first: createdSeq,
      last: Math.max(createdSeq, last),
    });
  }
  return lanes;
}

/** A lane with its spans on as few lines as they need. */
function lane(kind: TimelineLane["kind"], name: string, open: readonly OpenSpan[]): TimelineLane {
  const ends: number[] = [];
  const spans = open.map((span): TimelineSpan => {
    const free = ends.findIndex((end) => end < span.first);
    const line = free < 0 ? ends.length : free;
    ends[line] = span.last;
    return { ...span, line };
  });
  return { kind, name, lines: ends.length, spans };
}
