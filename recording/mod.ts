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
 * @module
 */
export type { LabTableName, LabTableRow } from "@dmalab/devices";
export { loadForDebugging, SourceFile, type Span } from "@dmalab/lang";
export {
  comparePositions,
  evaluate,
  EvaluationError,
  firstDifferentEvent,
  move,
  OpenRun,
  openRun,
  type OutputLine,
  type Position,
  readMemory,
  RecordedRun,
  Recording,
  type RecordOptions,
  recordRun,
  rowsAt,
  rowsCovering,
  type RunChoice,
  type RunName,
  runsOf,
  type ScriptFrame,
  spanOfEvent,
  START,
  type StartedStatement,
  type StepCommand,
  type StepOutcome,
  type StepUnit,
  variablesAt,
} from "./former_mod.ts";
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
export { type RunPosition } from "./diff.ts";
export { type ChildRun, type KernelFrame } from "./recorded_run.ts";
export { type RowFilter } from "./rows.ts";
export { type ShownVariable, type ValueText } from "./evaluate.ts";
export type { TextPart } from "@dmalab/lang/render";
export type {
  FailureReport,
  LoadResult,
  Program,
  RunOptions,
  TestEntry,
  TestOutcome,
} from "@dmalab/lang/run";
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
export { displayName } from "./former_mod.ts";
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
export { type LastWrite, lastWritesOf } from "./last_writes.ts";
