/**
 * Runs that can be asked about any of their moments: the one core behind every view of a run.
 *
 * It knows no terminal, no protocol and no file. Who shows a run
 *
 * 1. loads a program to be followed (`loadFollowed` of `lang/language.ts`) and lists its runs with
 *    {@linkcode runsOf};
 * 2. records one with {@linkcode recordRun};
 * 3. keeps a {@linkcode Position} and goes from one to another: {@linkcode move} by event, statement or
 *    activity, with {@linkcode Stops} on the way; {@linkcode until} and {@linkcode rewind} to where an
 *    expression changes; {@linkcode atLine}, {@linkcode atTime}, {@linkcode atOutput};
 * 4. asks, at any position: `recording.frames(at)`, `recording.kernelFrames(at)`,
 *    `recording.table(name).rowsAt(at.seq)`, {@linkcode variablesAt}, {@linkcode evaluate},
 *    {@linkcode readMemory}, {@linkcode who}, {@linkcode diffPositions}.
 *
 * Nothing that is asked changes the run. What would is refused with an {@linkcode EvaluationError}.
 */
export { crossed, neverReached } from "./blocks/child_run_text.ts";
export {
  changesOf,
  type RowField,
  type RowFieldChange,
  type Version,
  versionsOf,
} from "./cells.ts";
export {
  diffPositions,
  firstDifferentEvent,
  type RowDiff,
  type RunPosition,
  type TableDiff,
} from "./diff.ts";
export { type CompiledExpression, EvaluationError, type EvaluationResult } from "./evaluator.ts";
export { move, type StepCommand, type StepOutcome, type StepUnit } from "./step.ts";
export { OpenRun, openRun, type RecordOptions, recordRun, type RunChoice, runsOf } from "./open.ts";
export { type OpenValue, openValue, openVariables, partsOf, type ValuePart } from "./parts.ts";
export {
  atLine,
  atOutput,
  atTime,
  fileNamed,
  functionLocation,
  type LineLocation,
  positionBefore,
  statementsOnLine,
} from "./places.ts";
export { nextPosition } from "./machines/ordinal.ts";
export { comparePositions, type Position, START } from "./position.ts";
export {
  evaluate,
  evaluateType,
  namesAt,
  readMemory,
  type ShownVariable,
  type ValueText,
  variablesAt,
  type VisibleNames,
} from "./evaluate.ts";
export {
  type KernelFrame,
  type OutputLine,
  Recording,
  type RunName,
  type ScriptFrame,
  type StartedStatement,
} from "./recording.ts";
export { RecordedRun } from "./recorded_run.ts";
export { coveringCell, rowsAt, rowsCovering } from "./rows.ts";
export { displayName } from "@dmalab/lang/run";
export { Cancelled } from "./machines/replay.ts";
export { type ExpressionChange, rewind, until } from "./search.ts";
export { checkBreakpoint } from "./breakpoints/check_breakpoint.ts";
export { BreakpointSet, type LogpointLine } from "./breakpoints/breakpoint_set.ts";
export type {
  Breakpoint,
  BreakpointHit,
  BreakpointTrigger,
  SetBreakpoint,
} from "./breakpoints/breakpoint.ts";
export {
  atHome,
  blocksAhead,
  compareRunPositions,
  failurePosition,
  linesBefore,
  pathTo,
  type PositionRange,
  type RecordingPosition,
  walk,
} from "./blocks/walk.ts";
export { type ByteWrite, lastWrite, writesOf, type WriteTarget } from "./last_write.ts";
export { type LastWrite, lastWritesOf, spanOfEvent } from "./last_writes.ts";
export { Branch, type Origin, type SessionHooks } from "./branch.ts";
export { type Cursor, RecordingCursor } from "./cursor.ts";
export { type TimeTravelResult, TimeTravelSession } from "./time_travel_session.ts";
