/** Moments of a run. */

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
