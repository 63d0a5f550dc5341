/**
 * Recorded runs that can be queried at any of their positions: the one core of every view of a run.
 *
 * This core depends on no terminal, protocol or file. To show a run, a front end
 *
 * 1. loads a program for debugging ({@linkcode loadForDebugging}) and lists its runs with
 *   {@linkcode runsOf};
 * 2. records a run with {@linkcode recordRun};
 * 3. keeps a {@linkcode Position} and moves it. {@linkcode move} goes by event, statement or
 *   activity, and stops at a {@linkcode BreakpointSet} on the way. {@linkcode until} and {@linkcode
 *   rewind} go to the position at which an expression changes. {@linkcode atLine}, {@linkcode
 *   atTime} and {@linkcode atOutput} find a position by line, time or output;
 * 4. queries, at any position: `recording.frames(at)`, `recording.kernelFrames(at)`,
 *   `recording.table(name).rowsAt(at.seq)`, {@linkcode variablesAt}, {@linkcode evaluate},
 *   {@linkcode readMemory}, {@linkcode lastWrite}; `views/` describes a position.
 *
 * A query never changes the run. An expression that would change it is refused with an {@linkcode
 * EvaluationError}.
 *
 * State: a {@linkcode Recording} keeps its run and the machines that repeat it. Tests:
 * `recording_test.ts`.
 *
 * Users import `dmalab/recording`, which is `library.ts` and has fewer exports than this file.
 *
 * Other workspace members use these exports:
 */
export { firstDifferentEvent } from "./views/difference.ts";
export {
  evaluate,
  machineNamesAt,
  type OpenValue,
  partsOf,
  readMemory,
  valueOrReason,
  variablesAt,
} from "./evaluate.ts";
export { EvaluationError } from "./evaluator.ts";
export { keepVariables } from "./kept_variables.ts";
export { type LastWrite, lastWritesOf, spanOfEvent } from "./last_writes.ts";
export { OpenRun, openRun, type RecordOptions, recordRun, type RunChoice, runsOf } from "./open.ts";
export {
  comparePositions,
  nextPosition,
  ordinalOf,
  type Position,
  positionAt,
  START,
} from "./position.ts";
export { type OutputLine, RecordedRun, type RunName, type RunPosition } from "./recorded_run.ts";
export { Recording } from "./recording.ts";
export { rowsAt, rowsCovering } from "./rows.ts";
export { move, type StepCommand, type StepOutcome, type StepUnit } from "./step.ts";
export { displayName } from "@dmalab/lang/run";

// Further functions, classes and types.
export { crossed, neverReached } from "./blocks/child_run_text.ts";
export { blocksAhead, compareRunPositions, failurePosition, linesBefore } from "./blocks/walk.ts";
export { Branch } from "./branch.ts";
export type { RowField } from "./cells.ts";
export { Cursor, type Pieces, RunCursor } from "./cursor.ts";
export { boundValues, Cancelled, type PausedRun } from "./machines/replay.ts";
export { Timeline } from "./machines/timeline.ts";
export {
  POSITION_FORMS,
  readPosition,
  readWriteTarget,
  WRITE_TARGET_FORMS,
  WRITE_TARGET_WORDS,
} from "./position_text.ts";
export { atLine, fileNamed, statementsOnLine } from "./places.ts";
export { coveringCell } from "./rows.ts";
export { type ExpressionChange, rewind, until } from "./search.ts";
export { causeNamed } from "./breakpoints/breakpoint_names.ts";
export { checkBreakpoint } from "./breakpoints/check_breakpoint.ts";
export type {
  Breakpoint,
  BreakpointHit,
  BreakpointTrigger,
  SetBreakpoint,
} from "./breakpoints/breakpoint.ts";
export { BreakpointSet, type LogpointLine } from "./breakpoints/breakpoint_set.ts";
export { lastWrite, writesOf, type WriteTarget } from "./last_write.ts";
export {
  openTimeTravelSession,
  type TimeTravelResult,
  TimeTravelSession,
} from "./time_travel_session.ts";
export * from "./trace_file/mod.ts";
