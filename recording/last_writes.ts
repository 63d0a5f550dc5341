/** The changes of a cell of a table, from the record of a run. */
import { formatFieldValue } from "@dmalab/lang/render";
import type { Span } from "@dmalab/lang";
import { changesOf, type RowField, type RowFieldChange } from "./cells.ts";
import type { RecordedRun } from "./recorded_run.ts";
import type { Position } from "./position.ts";

/** A change, and its cause. */
export interface LastWrite {
  /** The position right after the change. */
  readonly position: Position;
  /** The contents before and after the change, as text; null for none. */
  readonly before: string | null;
  readonly after: string | null;
  /** The statement that led to the change; null for initial contents of a ready machine. */
  readonly span: Span | null;
  /** For a change of a table's row: that change; else null. */
  readonly change: RowFieldChange | null;
}

/** Each change of a cell up to a position, oldest first. */
export function lastWritesOf(
  recording: RecordedRun,
  position: Position,
  cell: RowField,
): readonly LastWrite[] {
  const changes = changesOf(recording, cell).filter(({ seq }) => seq <= position.seq);
  return changes.map((change, index) => {
    const before = changes[index - 1];
    const position = recording.afterEvent(change.seq);
    return {
      position: position,
      before: before === undefined || before.what === "ended"
        ? null
        : textOf(recording, cell, before),
      after: change.what === "ended" ? null : textOf(recording, cell, change),
      span: change.seq === 0 ? null : spanOfEvent(recording, change.seq),
      change,
    };
  });
}

/**
 * The statement that led to an event. If the event belongs to an activity, the statement that
 * posted the activity.
 */
export function spanOfEvent(recording: RecordedRun, seq: number): Span | null {
  const site = recording.log.siteAt(seq);
  if (site !== null) return recording.code.sites[site - 1]?.span ?? null;
  return recording.statement(recording.afterEvent(seq))?.span ?? null;
}

/**
 * The statement that made the last changes before a position. At the start of a statement, this is
 * the previous statement.
 */
export function spanAt(recording: RecordedRun, position: Position): Span | null {
  if (!recording.isStatementStart(position)) {
    return position.seq === 0 ? null : spanOfEvent(recording, position.seq);
  }
  return position.statement < 2 ? null : recording.started(position.statement - 1).span;
}

function textOf(recording: RecordedRun, { table }: RowField, { version }: RowFieldChange): string {
  return Object.entries(recording.table(table).spec.fields)
    .filter(([name]) => version.fields[name] !== null)
    .map(([name, field]) => `${name} ${formatFieldValue(field, version.fields[name])}`).join(" ");
}
