/**
 * A timeline as shapes. There are at most as many shapes as pixels, however many events the run
 * has.
 */
import { addAll, countBefore } from "@dmalab/runtime/basics";
import {
  formatDuration,
  groupThousands,
  linearAxis,
  linearPlace,
  roundStep,
} from "@dmalab/lang/text";
import type { RecordedRun } from "../recorded_run.ts";
import { type Drawing, fitted, labelled, LETTER_PX, type Shape, textAt } from "./drawing.ts";
import type { Meaning } from "./meaning.ts";
import type { TimelineLane, TimelineSpan, TimelineView } from "./timeline.ts";

export type TimelineAxis = "events" | "time";

/** The visible part of a run, as fractions of the whole, from 0 to 1. */
export interface TimelineSight {
  readonly from: number;
  readonly to: number;
}

/** X coordinate where the lanes begin; their names are to the left. */
export const LANES_PX = 96;
const TOP_PX = 20;
const ROW_PX = 20;
const GAP_PX = 3;
/** Spans narrower than this are merged with their neighbours. */
const NARROW_PX = 3;
/** Maximum number of requests that get a lane. The first visible requests get one. */
const MAX_REQUESTS = 12;
const MAX_ROWS = 6;
/**
 * Share of the width for the time between the first and the last event. It is less than 1 so that
 * the last event is visible, too.
 */
const TIME_PART = 0.98;

/** Maps the time or the events of a run to x coordinates, and back. */
export class TimelineScale {
  readonly #startNs: number;
  readonly #lastsNs: number;
  readonly #placeOf: (part: number) => number;

  constructor(
    readonly run: RecordedRun,
    readonly axis: TimelineAxis,
    readonly sight: TimelineSight,
    readonly widthPx: number,
  ) {
    const { log } = run;
    this.#placeOf = linearPlace(sight.from, sight.to, { from: LANES_PX, to: widthPx });
    this.#startNs = log.count === 0 ? 0 : log.atNs(1);
    this.#lastsNs = log.count === 0 ? 1 : Math.max(1, log.atNs(log.count) - this.#startNs);
  }

  /**
   * The place where an event begins, as a fraction of the whole width. For the number after the
   * last event, the place is the end.
   */
  partOf(seq: number): number {
    const { count } = this.run.log;
    if (seq > count) return 1;
    if (seq < 1) return 0;
    if (this.axis === "events") return (seq - 1) / Math.max(1, count);
    return (this.run.log.atNs(seq) - this.#startNs) / this.#lastsNs * TIME_PART;
  }

  /** X coordinate of an event's start, in pixels. */
  xOf(seq: number): number {
    return this.#placeOf(this.partOf(seq));
  }

  /** The last event that begins at or before a pixel; 0 before the first. */
  eventAt(x: number): number {
    const { from, to } = this.sight;
    const part = from + (x - LANES_PX) / (this.widthPx - LANES_PX) * (to - from);
    if (part < 0) return 0;
    return countBefore(this.run.log.count, (index) => this.partOf(index + 1) <= part);
  }

  nsAt(part: number): number {
    return this.#startNs + part / TIME_PART * this.#lastsNs;
  }
}

/** An event that is marked with a vertical line, and the text of the line's tooltip. */
export interface TimelineMark {
  readonly seq: number;
  readonly tip: string;
}

/** A timeline as shapes, without a mark for the current position. */
export function timelineDrawing(
  { lanes, times }: TimelineView,
  scale: TimelineScale,
  marks: readonly TimelineMark[],
): Drawing {
  const { run, widthPx } = scale;
  const [first, last] = [scale.eventAt(LANES_PX), Math.max(1, scale.eventAt(widthPx))];
  const isIn = ({ rows }: TimelineLane) =>
    rows.some((row) => {
      const span = row[firstInSight(row, first)];
      return span !== undefined && span.first <= last;
    });
  const requests = lanes.filter((lane) => lane.kind === "request" && isIn(lane));
  const shown = lanes.filter((lane) =>
    lane.kind !== "request" || requests.indexOf(lane) >= 0 && requests.indexOf(lane) < MAX_REQUESTS
  );
  const shapes: Shape[] = [];
  let y = TOP_PX;
  for (const each of shown) {
    if (each.kind !== "work") shapes.push(nameOf(each.name, y));
    for (const row of each.rows.slice(0, MAX_ROWS)) {
      addAll(shapes, rowShapes(row, each, scale, first, y));
      y += ROW_PX + GAP_PX;
    }
    const left = each.rows.length - MAX_ROWS;
    if (left > 0) {
      shapes.push(textAt(LANES_PX, y + 8, "dim", `and ${left} more at the same time`));
      y += ROW_PX;
    }
  }
  if (requests.length > MAX_REQUESTS) {
    const left = groupThousands(requests.length - MAX_REQUESTS);
    shapes.push(textAt(LANES_PX, y + 8, "dim", `and ${left} more requests: zoom in`));
    y += ROW_PX;
  }
  const height = y + 2;
  return {
    name: `timeline of ${groupThousands(run.log.count)} events`,
    width: widthPx,
    height,
    shapes: [
      ...axisShapes(scale, height, times.length > 0),
      ...shapes,
      ...marks.flatMap((mark) => markShapes(scale, mark, height)),
    ],
  };
}

function nameOf(name: string, y: number): Shape {
  const shown = fitted(name, LANES_PX - 6);
  // The end of a name distinguishes `ssd queue 1` from `ssd queue 2`.
  const words = shown === name
    ? name
    : `…${name.slice(-Math.floor((LANES_PX - 6) / LETTER_PX) + 1)}`;
  return textAt(0, y + ROW_PX / 2, "dim", words, { tip: name });
}

/** Index of the first span of a row that ends at or after an event. */
function firstInSight(row: readonly TimelineSpan[], seq: number): number {
  return countBefore(row.length, (index) => row[index]!.last < seq);
}

/**
 * Weights of meanings. If several spans are narrow, only the span with the greatest weight is
 * drawn.
 */
const WEIGHT: Readonly<Record<Meaning, number>> = {
  call: 0,
  translate: 1,
  map: 2,
  unmap: 3,
  data: 4,
  decision: 5,
  fault: 6,
};

function rowShapes(
  row: readonly TimelineSpan[],
  { kind, name }: TimelineLane,
  scale: TimelineScale,
  first: number,
  y: number,
): readonly Shape[] {
  const shapes: Shape[] = [];
  const narrow = new Map<Meaning, string[]>();
  let column: { x: number; end: number; meaning: Meaning } | null = null;
  const flush = () => {
    if (column === null) return;
    const { end, meaning, x } = column;
    const width = Math.max(1.5, Math.round((end - x) * 10) / 10);
    const drawn = narrow.get(meaning) ?? [];
    narrow.set(meaning, drawn);
    drawn.push(`M${Math.round(x * 10) / 10} ${y}h${width}v${ROW_PX}h${-width}z`);
    column = null;
  };
  for (let index = firstInSight(row, first); index < row.length; index++) {
    const { last, meaning, short, text: words, ...span } = row[index]!;
    const start = scale.xOf(span.first);
    if (start >= scale.widthPx) break;
    const x = Math.max(LANES_PX, start);
    const end = Math.min(scale.widthPx, scale.xOf(last + 1));
    if (end - x < NARROW_PX) {
      if (column !== null && x < column.x + NARROW_PX) {
        if (WEIGHT[meaning] > WEIGHT[column.meaning]) column.meaning = meaning;
        column.end = Math.max(column.end, Math.min(end, column.x + NARROW_PX));
      } else {
        flush();
        column = { x, end, meaning };
      }
      continue;
    }
    flush();
    const events = last === span.first ? `event ${last}` : `events ${span.first} to ${last}`;
    const box = { x: x + 0.5, y: y + 0.5, width: end - x - 1, height: ROW_PX - 1 };
    const room = box.width - 6;
    const label = words.length * LETTER_PX <= room ? words : fitted(short, room);
    const tip = `${kind === "work" ? "" : `${name}: `}${words}, ${events}`;
    addAll(shapes, labelled({ look: meaning, tip, seq: span.first }, box, label));
  }
  flush();
  const paths = [...narrow].map(([meaning, parts]): Shape => ({
    tag: "path",
    look: `solid ${meaning}`,
    at: { d: parts.join("") },
  }));
  return [...paths, ...shapes];
}

function axisShapes(scale: TimelineScale, height: number, hasTimes: boolean): readonly Shape[] {
  const { axis, run, sight: { from, to }, widthPx } = scale;
  const shapes = [textAt(0, 8, "dim", axis === "time" ? "time" : "event")];
  const tick = (x: number, words: string) => {
    if (x < LANES_PX || x + words.length * LETTER_PX + 4 > widthPx) return;
    shapes.push(
      { tag: "line", look: "rule", at: { x1: x, x2: x, y1: 14, y2: height } },
      textAt(x + 3, 8, "dim", words),
    );
  };
  const perPx = (to - from) / (widthPx - LANES_PX);
  if (axis === "time" && hasTimes) {
    const [startNs, endNs] = [scale.nsAt(from), scale.nsAt(to)];
    const step = roundStep(scale.nsAt(from + 110 * perPx) - startNs);
    const { place, ticks } = linearAxis(startNs, endNs, step, { from: LANES_PX, to: widthPx });
    for (const ns of ticks) tick(place(ns), formatDuration(Math.round(ns)));
    return shapes;
  }
  const events = run.log.count;
  const step = Math.max(1, roundStep(72 * perPx * events));
  const { ticks } = linearAxis(from * events, to * events, step, { from: LANES_PX, to: widthPx });
  for (const seq of ticks) if (seq > 0) tick(scale.xOf(seq), groupThousands(seq));
  return shapes;
}

function markShapes(scale: TimelineScale, { seq, tip }: TimelineMark, height: number): Shape[] {
  const x = scale.xOf(seq);
  if (x < LANES_PX - 1 || x > scale.widthPx) return [];
  return [
    { tag: "line", look: "stop", at: { x1: x, x2: x, y1: 14, y2: height } },
    { tag: "path", look: "stop-sign", at: { d: `M${x - 5} 19h10l-5 -8z` }, tip, seq },
  ];
}
