/** Positions of a run, one after the other. */
import { countBefore } from "@dmalab/runtime/basics";
import type { EventLog, StatementLog } from "@dmalab/runtime/recording";

/**
 * After event `seq`, when `statement` statements have started: the last of them is the one that runs.
 * `{ seq: 0, statement: 0 }` is the machine when it is ready. At the end one more statement would
 * start than did.
 */
export interface Position {
  /** The number of the last event. */
  readonly seq: number;
  /** How many statements have started. */
  readonly statement: number;
}

/** Where every run begins. */
export const START: Position = { seq: 0, statement: 0 };

/** Negative when one moment is before the other, 0 when they are the same. */
export function comparePositions(one: Position, other: Position): number {
  return one.seq - other.seq || one.statement - other.statement;
}

/** The inputs of a run's positions. */
interface PositionLogs {
  readonly log: EventLog;
  readonly statements: StatementLog;
}

/** How many moments are before one, events and statements take time alike: one is after each event, and one where each statement starts. */
export function ordinalOf({ seq, statement }: Position): number {
  return seq + statement;
}

/** The last statement that has started after so long a way; 0 for none. */
export function statementAtOrdinal({ statements }: PositionLogs, way: number): number {
  return countBefore(statements.count, (index) => statements.seqAt(index + 1) + index + 1 <= way);
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
