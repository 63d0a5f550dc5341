/** A position of a run, as a line of text. */
import { formatEventText } from "@dmalab/lang/render";
import { ordinalOf, type Position } from "../position.ts";
import type { KeptVariables, RecordedRun } from "../recorded_run.ts";
import { spanOfEvent } from "../last_writes.ts";
import { type Span, spanText } from "@dmalab/lang";

/** A position, described for display. */
export interface PositionView {
  /** The number of the last event up to the position. */
  readonly seq: number;
  /** Number of events of the run. */
  readonly events: number;
  /** Virtual time. */
  readonly atNs: number;
  /** `file:line` of the statement; null before the first statement. */
  readonly place: string | null;
  /** The first line of the statement; null before the first statement. */
  readonly text: string | null;
  /** The last event up to the position; null where a statement starts. */
  readonly event: string | null;
  /** `start` or `end` of the run; null between. */
  readonly edge: "start" | "end" | null;
}

/** The description of a position. */
export function positionView(recording: RecordedRun, position: Position): PositionView {
  const { last } = recording;
  const span = spanHere(recording, position);
  const isEvent = position.seq > 0 && !recording.isStatementStart(position);
  return {
    seq: position.seq,
    events: last.seq,
    atNs: recording.nowNs(position),
    place: span === null ? null : lineLocation(span),
    text: span === null ? null : firstLine(span),
    event: isEvent ? formatEventText(recording.event(position.seq)) : null,
    edge: position.seq === last.seq && position.statement === last.statement
      ? "end"
      : position.seq === 0 && position.statement === 0
      ? "start"
      : null,
  };
}

/**
 * The statement to which a position belongs: the statement that starts there, or that led to the
 * position's event; null without such a statement.
 */
export function spanHere(recording: RecordedRun, position: Position): Span | null {
  return position.seq === 0 || recording.isStatementStart(position)
    ? recording.statement(position)?.span ?? null
    : spanOfEvent(recording, position.seq);
}

/** `file:line` of a span's start. */
export function lineLocation({ source, start }: Span): string {
  return `${source.name}:${source.position(start).line}`;
}

export function firstLine(span: Span): string {
  const [first, ...more] = spanText(span).split("\n");
  return more.length === 0 ? first! : `${first} …`;
}

/** Names with their values in the innermost call; null where they are not stored. */
export function keptVariablesAt(
  { variables }: RecordedRun,
  position: Position,
): KeptVariables["seen"][number] | null {
  const number = variables?.at[ordinalOf(position) - variables.first];
  return number === undefined ? null : variables!.seen[number]!;
}
