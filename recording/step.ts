/**
 * Steps through a run in both directions: by event, statement, activity, time or line, or to a
 * breakpoint.
 */
import type { BreakpointHit } from "./breakpoints/breakpoint.ts";
import type { LogpointLine } from "./breakpoints/breakpoint_set.ts";
import { type Position, START } from "./position.ts";
import type { RecordedRun, RunPosition } from "./recorded_run.ts";

/**
 * How far one step goes. `event`: one event. `over`: a statement, including calls in it. `into`: a
 * statement, which may be inside a call. `out`: to the calling code. `activity`: one job of host or
 * device. `run`: to the end of the run.
 */
export type StepUnit = "event" | "over" | "into" | "out" | "activity" | "run";

/** A step: unit, direction, and count. */
export interface StepCommand {
  /** How far one step goes. */
  readonly unit: StepUnit;
  /** The direction of the step. */
  readonly direction: "forward" | "back";
  /** Number of steps; default 1. */
  readonly count?: number;
}

/** The end of a step, ignoring breakpoints. */
export interface StepTarget<R extends RecordedRun = RecordedRun> extends RunPosition<R> {
  /** `end` and `beginning`: the run has no more positions in that direction. */
  readonly reason: "arrived" | "end" | "beginning";
}

export interface StepOutcome {
  /** The position at the end of the step. */
  readonly position: Position;
  /** `end` and `beginning`: the run has no more positions in that direction; `stop`: a breakpoint. */
  readonly reason: StepTarget["reason"] | "stop";
  /**
   * The breakpoint that stopped the step.
   * @internal
   */
  readonly stop: BreakpointHit | null;
  /**
   * Messages of log points on the way, oldest first.
   * @internal
   */
  readonly logged: readonly LogpointLine[];
}

/**
 * The end of a step in a run. Blocks of the run that ran on separate machines are skipped.
 *
 * @example
 * ```ts ignore
 * move(recording, recording.last, { unit: "event", direction: "back" })
 * ```
 */
export function move<R extends RecordedRun>(
  recording: R,
  from: Position,
  step: StepCommand,
): StepTarget<R> {
  let position = from;
  for (let turn = 0; turn < (step.count ?? 1); turn++) {
    const target = stepOnce(recording, position, step);
    if (target === null) {
      return step.direction === "forward"
        ? { recording, position: recording.last, reason: "end" }
        : { recording, position: START, reason: "beginning" };
    }
    position = target;
  }
  return { recording, position, reason: "arrived" };
}

/**
 * The nearest position for a step unit in one direction; null without one.
 * @internal
 */
export function stepOnce(
  recording: RecordedRun,
  from: Position,
  { direction, unit }: Pick<StepCommand, "direction" | "unit">,
): Position | null {
  const { machine: { activities }, statements } = recording;
  const isForward = direction === "forward";
  const way = isForward ? 1 : -1;
  // Backwards from inside a statement, that statement's own start is the next candidate.
  let next = from.statement + (isForward ? 1 : recording.isStatementStart(from) ? -1 : 0);
  const isThere = () => next > 0 && next <= statements.count;
  switch (unit) {
    case "event": {
      const seq = from.seq + way;
      return seq >= 0 && seq <= recording.last.seq ? recording.afterEvent(seq) : null;
    }
    case "into":
      return isThere() ? recording.atStatement(next) : null;
    case "over":
    case "out": {
      const depth = depthAt(recording, from) - (unit === "out" ? 1 : 0);
      for (; isThere(); next += way) {
        if (statements.depthAt(next) <= depth) return recording.atStatement(next);
      }
      return null;
    }
    case "activity": {
      const end = isForward ? activities.after(from.seq) : activities.before(from.seq);
      return end === null ? null : recording.afterEvent(end);
    }
    case "run":
      return null;
  }
}

/** Number of active calls at a position; Infinity before the first statement; 1 at the end. */
function depthAt({ statements }: RecordedRun, { seq, statement }: Position): number {
  if (statement === 0) return Infinity;
  return statement > statements.count ? 1 : statements.depthAfter(seq, statement);
}
