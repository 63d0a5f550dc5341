/**
 * Where an expression changes. Nothing but the machine knows: the run is done again and asked at each
 * event and each statement, backwards in ever longer stretches.
 */
import { LookError, type Question } from "./look.ts";
import { momentBefore } from "./places.ts";
import { nextMoment } from "./machines/way.ts";
import { comparePositions, type Position, START } from "./position.ts";
import { evaluate } from "./questions.ts";
import type { Recording } from "./recording.ts";
import type { Seen } from "./machines/replay.ts";

/** Moments of the first stretch that is searched backwards. */
const FIRST_MOMENTS = 1024;

/** A moment at which an expression came to be something else. */
export interface ExpressionChange {
  readonly at: Position;
  /** What it was before; null where it could not be asked. */
  readonly before: string | null;
  readonly after: string;
}

/**
 * The next moment at which an expression has another value; for a boolean, at which it is true. Null
 * when there is none.
 *
 * @throws {LookError} When it cannot be asked where one is.
 * @throws {Interrupted} When the search was cancelled.
 */
export function until(
  recording: Recording,
  from: Position,
  question: Question,
): ExpressionChange | null {
  let known: string | null = null;
  let found: ExpressionChange | null = null;
  recording.reruns.visit(from, (seen) => {
    const { at } = seen;
    if (comparePositions(at, from) === 0) known = question.said(seen);
    else {
      const value = tell(question, seen);
      if (value !== null && value !== known) {
        if (value !== "false") found = { at, before: known, after: value };
        known = value;
      }
    }
    return found === null ? nextMoment(recording, at) : null;
  });
  return found;
}

/**
 * The last moment, up to a given one, at which an expression changed to the value that it has then. Null when
 * it never changed.
 *
 * @throws {LookError} When it cannot be asked where one is.
 * @throws {Interrupted} When the search was cancelled.
 */
export function rewind(
  recording: Recording,
  from: Position,
  question: Question,
): ExpressionChange | null {
  // An expression without a value is an error, and not one that never changed.
  evaluate(recording, from, question.text);
  return lastChangeOf(recording, from, (seen) => tell(question, seen));
}

/** The text of a value at a moment; null where it has none. */
export type Tell = (seen: Seen) => string | null;

/** The last moment, up to a given one, at which a value changed to what it is then. */
export function lastChangeOf(
  recording: Recording,
  from: Position,
  tell: Tell,
): ExpressionChange | null {
  let end = from;
  for (let moments = FIRST_MOMENTS;; moments *= 4) {
    const begin = stretchBefore(recording, end, moments);
    const found = lastChangeWithin(recording, begin, end, tell);
    if (found !== null || comparePositions(begin, START) === 0) return found;
    end = begin;
  }
}

function lastChangeWithin(
  recording: Recording,
  begin: Position,
  end: Position,
  tell: Tell,
): ExpressionChange | null {
  let known: string | null = null;
  let last: ExpressionChange | null = null;
  recording.reruns.visit(begin, (seen) => {
    const { at } = seen;
    const value = tell(seen);
    // Where it cannot be evaluated, such as in a function outside the name's scope, it is unchanged.
    if (value !== null && value !== known) {
      if (comparePositions(at, begin) > 0) last = { at, before: known, after: value };
      known = value;
    }
    return comparePositions(at, end) < 0 ? nextMoment(recording, at) : null;
  });
  // The first value of the stretch may be the one from before it.
  const first = last as ExpressionChange | null;
  if (first === null || first.before !== null || comparePositions(begin, START) === 0) return first;
  const before = lastValueBefore(recording, begin, tell);
  return before === first.after ? null : { ...first, before };
}

/** The last value before a moment; null for none. */
function lastValueBefore(recording: Recording, at: Position, tell: Tell): string | null {
  let end = at;
  for (let moments = FIRST_MOMENTS; comparePositions(end, START) > 0; moments *= 4) {
    const begin = stretchBefore(recording, end, moments);
    let last: string | null = null;
    recording.reruns.visit(begin, (seen) => {
      last = tell(seen) ?? last;
      return comparePositions(seen.at, end) < 0 ? nextMoment(recording, seen.at) : null;
    });
    if (last !== null) return last;
    end = begin;
  }
  return null;
}

/** A moment that is some moments before another, or the beginning. */
function stretchBefore(recording: Recording, end: Position, moments: number): Position {
  let at = end;
  for (let turn = 0; turn < moments; turn++) {
    const before = momentBefore(recording, at);
    if (before === null) break;
    at = before;
  }
  return at;
}

/** What an expression is at a moment; null where it has no value. */
export function tell(question: Question, seen: Seen): string | null {
  try {
    return question.said(seen);
  } catch (error) {
    if (error instanceof LookError) return null;
    throw error;
  }
}
