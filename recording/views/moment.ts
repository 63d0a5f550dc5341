/** A moment of a run, as a line that says where one is. */
import { formatEventText } from "@dmalab/lang/render";
import type { Position } from "../position.ts";
import type { KeptRun } from "../kept_run.ts";
import { spanOfEvent } from "../writers.ts";
import { type Span, spanText } from "@dmalab/lang";

/** Where one is in a run. */
export interface MomentView {
  /** The number of the last event. */
  readonly seq: number;
  /** How many events the run has. */
  readonly events: number;
  /** Virtual time. */
  readonly atNs: number;
  /** `file:line` of the statement; null before the first. */
  readonly place: string | null;
  /** The first line of the statement; null before the first. */
  readonly text: string | null;
  /** What has just happened; null where a statement starts. */
  readonly event: string | null;
  /** `end`, `start`; null for a moment between. */
  readonly edge: "start" | "end" | null;
}

/** What there is to say of a moment. */
export function momentView(recording: KeptRun, at: Position): MomentView {
  const { last } = recording;
  const isStart = recording.isStatementStart(at);
  const span = isStart || at.seq === 0
    ? recording.statement(at)?.span ?? null
    : spanOfEvent(recording, at.seq);
  return {
    seq: at.seq,
    events: last.seq,
    atNs: recording.nowNs(at),
    place: span === null ? null : linePlace(span),
    text: span === null ? null : firstLine(span),
    event: isStart || at.seq === 0 ? null : formatEventText(recording.event(at.seq)),
    edge: at.seq === last.seq && at.statement === last.statement
      ? "end"
      : at.seq === 0 && at.statement === 0
      ? "start"
      : null,
  };
}

/** `file:line` of a span's start. */
export function linePlace({ source, start }: Span): string {
  return `${source.name}:${source.position(start).line}`;
}

/** The first line of a span's text. */
export function firstLine(span: Span): string {
  const [first, ...more] = spanText(span).split("\n");
  return more.length === 0 ? first! : `${first} …`;
}
