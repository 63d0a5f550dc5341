/**
 * Runs that are kept, and can be asked about any of their moments.
 *
 * Record one, stand at a moment of it, ask:
 *
 * ```ts
 * import {
 *   loadFollowed, memoryFiles, recordRun, requestView, rowsAt, runsOf, SourceFile,
 * } from "./recording.ts";
 *
 * const source = new SourceFile(
 *   "read.dma",
 *   `machine { iommu { mode = strict }; pci { root_port rp0 { nvme ssd { } } } }
 *    test "a read" { ssd.read(lba: 0, into: alloc_pages(5)) }`,
 * );
 * const { program } = loadFollowed(source, memoryFiles());
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
export type { TableName, TableRow } from "@dmalab/devices";
export { loadFollowed, SourceFile, type Span } from "@dmalab/lang";
export {
  comparePositions,
  evaluate,
  firstDifferentEvent,
  KeptRun,
  LookError,
  move,
  type Moved,
  OpenRun,
  openRun,
  type OutputLine,
  type Position,
  readMemory,
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
  type Step,
  type StepUnit,
  variablesAt,
} from "./former_mod.ts";
export {
  type BytesView,
  bytesView,
  type ByteWriter,
  type WrittenByte,
  type WrittenRange,
  writtenRanges,
} from "./views/bytes.ts";
export {
  type DifferenceView,
  differenceView,
  type DifferentRow,
  type EventsBeside,
  eventsBeside,
} from "./views/difference.ts";
export { type EventView, eventView } from "./views/event.ts";
export { type IncidentView, incidentView } from "./views/incident.ts";
export { type MomentView, momentView } from "./views/moment.ts";
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
  type ChangedRow,
  changedRows,
  type MarkedRow,
  markedRows,
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
export type { RecordedWith } from "@dmalab/lang/builtins";
export type { Diagnostic, Fix } from "@dmalab/lang/diagnostics";
export { type Moment } from "./diff.ts";
export { type KernelFrame, type Side } from "./kept_run.ts";
export { type SomeValues } from "./rows.ts";
export { type Said, type ShownVariable } from "./questions.ts";
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
export { type OwnRows } from "./views/request.ts";
export { type RowWindow } from "./views/tables.ts";
export type { EventName, EventOf, MachineEvent } from "@dmalab/runtime";
export type { FactRow, MemoryWriter } from "@dmalab/runtime/recording";
export type { FieldKind } from "@dmalab/runtime/vocabulary";
export { crossed, neverReached } from "./blocks/asides.ts";
export {
  atHome,
  blocksAhead,
  compareSpots,
  failureSpot,
  linesBefore,
  type Spot,
  walk,
  wayTo,
} from "./blocks/walk.ts";
export { Branch } from "./branch.ts";
export type { Cell } from "./cells.ts";
export { Cursor, type Place } from "./cursor.ts";
export { displayName } from "./former_mod.ts";
export { boundValues, Interrupted, type Seen } from "./machines/replay.ts";
export { Reruns } from "./machines/reruns.ts";
export { nextMoment } from "./machines/way.ts";
export { openWorkbench } from "./open_workbench.ts";
export { type OpenValue, openValue, openVariables, partsOf } from "./parts.ts";
export { PLACE_FORMS, readPlace, readSubject, SUBJECT_FORMS, SUBJECT_WORDS } from "./place_text.ts";
export { atLine, fileNamed, functionPlace, momentBefore, statementsOnLine } from "./places.ts";
export { evaluateKind, namesAt } from "./questions.ts";
export { coveringCell } from "./rows.ts";
export { type ExpressionChange, rewind, until } from "./search.ts";
export { checkStop } from "./stops/stop_check.ts";
export type { Stop, StopCause, StopHit, StopSpec } from "./stops/stop_spec.ts";
export { Stops } from "./stops/stops.ts";
export { type Subject, who, writesOf } from "./who.ts";
export { Workbench, type WorkResult } from "./workbench.ts";
export { type Writer, writersOf } from "./writers.ts";
