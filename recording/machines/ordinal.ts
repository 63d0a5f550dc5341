/** The moments of a run in a row: how far each is from the beginning, and which is the next. */
import type { Position } from "../position.ts";
import type { KnownRun } from "./replay.ts";

/** What a run's moments are computed from. */
type PositionLogs = Pick<KnownRun, "log" | "statements">;

/** How many moments are before one, events and statements take time alike: one is after each event, and one where each statement starts. */
export function ordinalOf({ seq, statement }: Position): number {
  return seq + statement;
}

/** The last statement that has started after so long a way; 0 for none. */
export function statementAtOrdinal({ statements }: PositionLogs, way: number): number {
  let low = 0;
  let high = statements.count;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (statements.seqAt(middle) + middle <= way) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The moment after so long a way. */
export function positionAt(known: PositionLogs, way: number): Position {
  const statement = statementAtOrdinal(known, way);
  const seq = way - statement;
  return seq <= known.log.count ? { seq, statement } : { seq: seq - 1, statement: statement + 1 };
}

/** The moment right after another: the next event, or the next statement; null at the end. */
export function nextPosition(
  { log, statements }: PositionLogs,
  { seq, statement }: Position,
): Position | null {
  const starts = statement < statements.count && statements.seqAt(statement + 1) === seq;
  const isDone = statement === statements.count && seq === log.count;
  if (starts || isDone) return { seq, statement: statement + 1 };
  return seq < log.count ? { seq: seq + 1, statement } : null;
}
