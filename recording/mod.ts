/**
 * Runs that are kept, and can be asked about any of their moments.
 *
 * Record one, stand at a moment of it, ask:
 *
 * ```ts
 * import {
 *   loadForDebugging, memoryFiles, recordRun, requestView, rowsAt, runsOf, SourceFile,
 * } from "dmalab/recording";
 *
 * const source = new SourceFile(
 *   "read.dma",
 *   `machine { iommu { mode = strict }; pci { root_port rp0 { nvme ssd { } } } }
 *    test "a read" { ssd.read(lba: 0, into: alloc_pages(5)) }`,
 * );
 * const { program } = loadForDebugging(source, memoryFiles());
 * if (program === null) throw new Error("The scenario is wrong");
 * const [read] = runsOf(program);
 * const recording = recordRun(program, read!);
 * const seq = recording.find("nvme.fetch")!;
 * const at = recording.afterEvent(seq);
 * if (rowsAt(recording, "requests", at)[0]?.phase !== "fetched") throw new Error("not fetched");
 * if (requestView(recording, at, 1)?.entries[0]?.label !== "PRP1") throw new Error("no PRP1");
 * ```
 *
 * What only reads recordings that others have made needs neither the language nor a machine:
 * {@linkcode serialise} writes them, {@linkcode readSerialised} reads them.
 *
 * It knows no terminal, no protocol and no file. Who shows a run
 *
 * 1. loads a program to be followed ({@linkcode loadForDebugging}) and lists its runs with
 *    {@linkcode runsOf};
 * 2. records one with {@linkcode recordRun};
 * 3. keeps a {@linkcode Position} and goes from one to another: {@linkcode move} by event, statement or
 *    activity, with {@linkcode BreakpointSet} on the way; {@linkcode until} and {@linkcode rewind} to where an
 *    expression changes; {@linkcode atLine}, {@linkcode atTime}, {@linkcode atOutput};
 * 4. asks, at any position: `recording.frames(at)`, `recording.kernelFrames(at)`,
 *    `recording.table(name).rowsAt(at.seq)`, {@linkcode variablesAt}, {@linkcode evaluate},
 *    {@linkcode readMemory}, {@linkcode lastWrite}, {@linkcode diffPositions}.
 *
 * Nothing that is asked changes the run. What would is refused with an {@linkcode EvaluationError}.
 *
 * State: a {@linkcode Recording} keeps its run and the machines that repeat it. Proof: `recording_test.ts`.
 *
 * @module
 */
export type { LabTableName, LabTableRow } from "@dmalab/devices";
export { loadForDebugging, SourceFile, type Span } from "@dmalab/lang";
export { firstDifferentEvent, type RunPosition } from "./diff.ts";
export {
  evaluate,
  readMemory,
  type ShownVariable,
  type ValueText,
  variablesAt,
} from "./evaluate.ts";
export { EvaluationError } from "./evaluator.ts";
export { type LastWrite, lastWritesOf, spanOfEvent } from "./last_writes.ts";
export { OpenRun, openRun, type RecordOptions, recordRun, type RunChoice, runsOf } from "./open.ts";
export { comparePositions, type Position, START } from "./position.ts";
export { type ChildRun, type KernelFrame, RecordedRun } from "./recorded_run.ts";
export {
  type OutputLine,
  Recording,
  type RunName,
  type ScriptFrame,
  type StartedStatement,
} from "./recording.ts";
export { type RowFilter, rowsAt, rowsCovering } from "./rows.ts";
export { move, type StepCommand, type StepOutcome, type StepUnit } from "./step.ts";
export {
  displayName,
  type FailureReport,
  type LoadResult,
  type Program,
  type RunOptions,
  type TestEntry,
  type TestOutcome,
} from "@dmalab/lang/run";
export {
  type BytesView,
  bytesView,
  type LastByteWrite,
  type WrittenByte,
  type WrittenRange,
  writtenRanges,
} from "./views/bytes.ts";
export {
  type AlignedEvents,
  alignEvents,
  type DiffView,
  diffView,
  type RowDiffView,
} from "./views/difference.ts";
export { type EventView, eventView } from "./views/event.ts";
export { type IncidentView, incidentView } from "./views/incident.ts";
export { type PositionView, positionView } from "./views/position_view.ts";
export {
  type RequestEntry,
  type RequestListPage,
  type RequestPhase,
  requestsAt,
  type RequestSegment,
  type RequestView,
  requestView,
} from "./views/request.ts";
export {
  packText,
  readSerialised,
  type RunAndOutcome,
  serialise,
  SERIALISED_VERSION,
  type SerialisedRun,
  type SerialiseOptions,
  unpackText,
} from "./views/serialised.ts";
export {
  type CellView,
  changedRows,
  type MarkedRow,
  markedRows,
  type RowChange,
  type RowView,
  tableAt,
  tableSizes,
  type TableView,
} from "./views/tables.ts";
export {
  type TimelineLane,
  type TimelineSpan,
  type TimelineView,
  timelineView,
} from "./views/timeline.ts";
export { type WhyView, whyView } from "./views/why.ts";

// What the types above are made of.
export type { RecordedWith } from "@dmalab/lang/builtins/read_machine";
export type { Diagnostic, Fix } from "@dmalab/lang/diagnostics";
export type { TextPart } from "@dmalab/lang/render";
export { memoryFiles, type SourceLoader } from "@dmalab/lang/syntax";
export { type RequestRows } from "./views/request.ts";
export { type RowWindow } from "./views/tables.ts";
export type { EventName, EventOf, MachineEvent } from "@dmalab/runtime";
export type { HistoryRow, MemoryWriter } from "@dmalab/runtime/recording";
export type { FieldKind } from "@dmalab/runtime/vocabulary";
export { crossed, neverReached } from "./blocks/child_run_text.ts";
export {
  atHome,
  blocksAhead,
  compareRunPositions,
  failurePosition,
  linesBefore,
  pathTo,
  type RecordingPosition,
  walk,
} from "./blocks/walk.ts";
export { Branch } from "./branch.ts";
export type { RowField } from "./cells.ts";
export { type Cursor, RecordingCursor } from "./cursor.ts";
export { boundValues, Cancelled, type PausedRun } from "./machines/replay.ts";
export { ReplayPool } from "./machines/replay_pool.ts";
export { nextPosition } from "./machines/ordinal.ts";
export { openTimeTravelSession } from "./open_time_travel_session.ts";
export { type OpenValue, openValue, openVariables, partsOf } from "./parts.ts";
export {
  POSITION_FORMS,
  readPosition,
  readWriteTarget,
  WRITE_TARGET_FORMS,
  WRITE_TARGET_WORDS,
} from "./position_text.ts";
export { atLine, fileNamed, functionLocation, positionBefore, statementsOnLine } from "./places.ts";
export { evaluateType, namesAt } from "./evaluate.ts";
export { coveringCell } from "./rows.ts";
export { type ExpressionChange, rewind, until } from "./search.ts";
export { checkBreakpoint } from "./breakpoints/check_breakpoint.ts";
export type {
  Breakpoint,
  BreakpointHit,
  BreakpointTrigger,
  SetBreakpoint,
} from "./breakpoints/breakpoint.ts";
export { BreakpointSet } from "./breakpoints/breakpoint_set.ts";
export { lastWrite, writesOf, type WriteTarget } from "./last_write.ts";
export { type TimeTravelResult, TimeTravelSession } from "./time_travel_session.ts";
