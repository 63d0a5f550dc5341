/** Going through a run, both ways: by event, statement, activity, time, line, or to a stop. */
import type { BreakpointHit } from "./breakpoints/breakpoint.ts";
import type { LogpointLine } from "./breakpoints/breakpoint_set.ts";
import { type Position, START } from "./position.ts";
import type { RecordedRun, RunPosition } from "./recorded_run.ts";

/**
 * How far one step goes: `event` one event; `over` a statement, calls in it included; `into` a
 * statement, wherever it is; `out` to the code that called; `activity` one job of host or device;
 * `run` as far as there is.
 */
export type StepUnit = "event" | "over" | "into" | "out" | "activity" | "run";

/** A wish to go somewhere. */
export interface StepCommand {
  /** How far. */
  readonly unit: StepUnit;
  /** Which way. */
  readonly direction: "forward" | "back";
  /** How often, 1 when left out. */
  readonly count?: number;
}

/** Where a step leads, whatever there is on the way. */
export interface StepTarget<R extends RecordedRun = RecordedRun> extends RunPosition<R> {
  /** `end` and `beginning`: the run has no more to that side. */
  readonly reason: "arrived" | "end" | "beginning";
}

export interface StepOutcome {
  /** Where it led. */
  readonly position: Position;
  /** `end` and `beginning`: the run has no more to that side. */
  readonly reason: StepTarget["reason"] | "stop";
  /**
   * The reason of the stop.
   * @internal
   */
  readonly stop: BreakpointHit | null;
  /**
   * What stops that only log had to say on the way, oldest first.
   * @internal
   */
  readonly logged: readonly LogpointLine[];
}

/**
 * Where a step leads in a run, past its blocks that run on separate machines.
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
 * The nearest moment of a kind on one side of another; null without one.
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
  // Inside of a statement its own start is behind.
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

/** Calls that run at a moment; before the first statement, as many as at it; at the end the outermost. */
function depthAt({ statements }: RecordedRun, { seq, statement }: Position): number {
  if (statement === 0) return Infinity;
  return statement > statements.count ? 1 : statements.depthAfter(seq, statement);
}
