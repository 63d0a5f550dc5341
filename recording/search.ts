/**
 * Finds where an expression changes. Only the machine can evaluate the expression. Therefore the
 * run is replayed and the expression is evaluated at each event and each statement. The search
 * backwards replays ranges of increasing length.
 */
import { type CompiledExpression, EvaluationError } from "./evaluator.ts";
import {
  comparePositions,
  nextPosition,
  ordinalOf,
  type Position,
  positionAt,
  START,
} from "./position.ts";
import { evaluate } from "./evaluate.ts";
import type { Recording } from "./recording.ts";
import type { PausedRun } from "./machines/replay.ts";

/** Length of the first range that is searched backwards, in positions. */
const FIRST_POSITIONS = 1024;

/** A position at which the value of an expression changed. */
export interface ExpressionChange {
  readonly position: Position;
  /** The expression's earlier value; null where the expression could not be evaluated. */
  readonly before: string | null;
  readonly after: string;
}

/**
 * The next position at which an expression has another value. For a boolean, the next position at
 * which it is true. Null if there is no such position.
 *
 * @throws {EvaluationError} When the expression cannot be evaluated at the current position.
 * @throws {Interrupted} When the search was cancelled.
 */
export function until(
  recording: Recording,
  from: Position,
  expression: CompiledExpression,
): ExpressionChange | null {
  let known: string | null = null;
  let found: ExpressionChange | null = null;
  recording.timeline.from(from, (paused) => {
    const { position } = paused;
    if (comparePositions(position, from) === 0) known = expression.format(paused);
    else {
      const value = tell(expression, paused);
      if (value !== null && value !== known) {
        if (value !== "false") found = { position, before: known, after: value };
        known = value;
      }
    }
    return found === null ? nextPosition(recording, position) : null;
  });
  return found;
}

/**
 * The position at which an expression got the value that it has at a given position. This is the last
 * change up to the given position; null when the expression never changed.
 *
 * @throws {EvaluationError} When the expression cannot be evaluated at the current position.
 * @throws {Interrupted} When the search was cancelled.
 */
export function rewind(
  recording: Recording,
  from: Position,
  expression: CompiledExpression,
): ExpressionChange | null {
  // Throws if the expression has no value. A result of null would say that the expression never
  // changed.
  evaluate(recording, from, expression.text);
  return lastChangeOf(recording, from, (paused) => tell(expression, paused));
}

/**
 * The position at which a value became what it is at a given position: the last change up to the
 * given position.
 * @param tell Returns the value as text at a position; null at a position where there is no value.
 */
export function lastChangeOf(
  recording: Recording,
  from: Position,
  tell: (paused: PausedRun) => string | null,
): ExpressionChange | null {
  const { timeline } = recording;
  /** The first value in the searched range, and its position. */
  let first: ExpressionChange | null = null;
  let end = from;
  for (let moments = FIRST_POSITIONS;; moments *= 4) {
    const begin = positionAt(timeline.known, Math.max(0, ordinalOf(end) - moments));
    let known: ExpressionChange | null = null;
    timeline.from(begin, (paused) => {
      const { position } = paused;
      const after = tell(paused);
      // While the expression cannot be evaluated, for example in a function where a name of the
      // expression is not visible, it counts as unchanged.
      if (after !== null && after !== known?.after) {
        known = { position, before: known?.after ?? null, after };
      }
      return comparePositions(position, end) < 0 ? nextPosition(recording, position) : null;
    });
    const last = known as ExpressionChange | null;
    if (last !== null && first !== null && last.after !== first.after) {
      return { ...first, before: last.after };
    }
    if (last !== null && last.before !== null) return last;
    first = last ?? first;
    if (comparePositions(begin, START) > 0) end = begin;
    else return first !== null && comparePositions(first.position, START) > 0 ? first : null;
  }
}

/** The value of an expression at a position, as text; null without one. */
export function tell(expression: CompiledExpression, paused: PausedRun): string | null {
  try {
    return expression.format(paused);
  } catch (error) {
    if (error instanceof EvaluationError) return null;
    throw error;
  }
}
