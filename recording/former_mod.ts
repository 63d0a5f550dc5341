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
 *    {@linkcode readMemory}, {@linkcode who}, {@linkcode diffMoments}.
 *
 * Nothing that is asked changes the run. What would is refused with a {@linkcode LookError}.
 */
export { crossed, neverReached } from "./blocks/asides.ts";
export { type Cell, type CellChange, changesOf, type Version, versionsOf } from "./cells.ts";
export {
  diffMoments,
  firstDifferentEvent,
  type Moment,
  type RowDifference,
  type TableDifference,
} from "./diff.ts";
export { type Answer, LookError, type Question } from "./look.ts";
export { move, type Moved, type Step, type StepUnit } from "./moves.ts";
export { OpenRun, openRun, type RecordOptions, recordRun, type RunChoice, runsOf } from "./open.ts";
export { type OpenValue, openValue, openVariables, partsOf, type ValuePart } from "./parts.ts";
export {
  atLine,
  atOutput,
  atTime,
  fileNamed,
  functionPlace,
  type LinePlace,
  momentBefore,
  statementsOnLine,
} from "./places.ts";
export { nextMoment } from "./machines/way.ts";
export { comparePositions, type Position, START } from "./position.ts";
export {
  evaluate,
  evaluateKind,
  namesAt,
  readMemory,
  type Said,
  type SeenNames,
  type ShownVariable,
  variablesAt,
} from "./questions.ts";
export {
  type KernelFrame,
  type OutputLine,
  Recording,
  type RunName,
  type ScriptFrame,
  type StartedStatement,
} from "./recording.ts";
export { KeptRun } from "./kept_run.ts";
export { coveringCell, rowsAt, rowsCovering } from "./rows.ts";
export { displayName } from "@dmalab/lang/run";
export { Interrupted } from "./machines/replay.ts";
export { type ExpressionChange, rewind, until } from "./search.ts";
export { checkStop } from "./stops/stop_check.ts";
export { type LoggedLine, Stops } from "./stops/stops.ts";
export type { Stop, StopCause, StopHit, StopSpec } from "./stops/stop_spec.ts";
export {
  atHome,
  blocksAhead,
  compareSpots,
  failureSpot,
  linesBefore,
  type Spot,
  type Stretch,
  walk,
  wayTo,
} from "./blocks/walk.ts";
export { type ByteWrite, type Subject, who, writesOf } from "./who.ts";
export { spanOfEvent, type Writer, writersOf } from "./writers.ts";
export { Branch, type Origin, type SessionHooks } from "./branch.ts";
export { Cursor, type Place } from "./cursor.ts";
export { Workbench, type WorkResult } from "./workbench.ts";
