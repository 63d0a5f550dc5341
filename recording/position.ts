/** The positions of a run, and their order. */
import { countBefore } from "@dmalab/runtime/basics";
import type { EventLog, StatementLog } from "@dmalab/runtime/recording";

/**
 * A position in a run. `seq` is the number of the event before the position, and `statement` is the
 * number of statements that have started; the last of them is the current statement. `{ seq: 0,
 * statement: 0 }` is the ready machine. At the end, `statement` is one past the last statement.
 */
export interface Position {
  /** The number of the last event before the position. */
  readonly seq: number;
  /** Number of statements that have started. */
  readonly statement: number;
}

/** The beginning of every run. */
export const START: Position = { seq: 0, statement: 0 };

/** Negative when `one` is before `other`, 0 when they are the same. */
export function comparePositions(one: Position, other: Position): number {
  return one.seq - other.seq || one.statement - other.statement;
}

/** The parts of a recording that determine its positions. */
interface PositionLogs {
  readonly log: EventLog;
  readonly statements: StatementLog;
}

/**
 * The ordinal of a position, which is the number of positions before it. There is a position after each event, and at the start of
 * each statement.
 */
export function ordinalOf({ seq, statement }: Position): number {
  return seq + statement;
}

/** The last statement that has started at an ordinal; 0 for none. */
export function statementAtOrdinal({ statements }: PositionLogs, way: number): number {
  return countBefore(statements.count, (index) => statements.seqAt(index + 1) + index + 1 <= way);
}

/** The position of an ordinal. */
export function positionAt(known: PositionLogs, way: number): Position {
  const statement = statementAtOrdinal(known, way);
  const seq = way - statement;
  return seq <= known.log.count ? { seq, statement } : { seq: seq - 1, statement: statement + 1 };
}

/** The next position: after the next event, or at the next statement; null at the end. */
export function nextPosition(
  { log, statements }: PositionLogs,
  { seq, statement }: Position,
): Position | null {
  const starts = statement < statements.count && statements.seqAt(statement + 1) === seq;
  const isDone = statement === statements.count && seq === log.count;
  if (starts || isDone) return { seq, statement: statement + 1 };
  return seq < log.count ? { seq: seq + 1, statement } : null;
}
