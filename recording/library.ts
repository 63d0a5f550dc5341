/**
 * Recorded runs that can be queried at any of their positions.
 *
 * Record a run, choose a position, and query it:
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
 * A program that only reads existing recordings needs neither the language nor a machine:
 * {@linkcode serialise} writes them, {@linkcode readSerialised} reads them.
 *
 * @module
 */
export type { LabTableName, LabTableRow } from "@dmalab/devices";
export type {
  BouncedPart,
  RequestEntry,
  RequestListPage,
  RequestMemory,
  RequestPicture,
  RequestSegment,
} from "@dmalab/devices";
export { loadForDebugging, SourceFile, type Span } from "@dmalab/lang";
export type { RecordedWith } from "@dmalab/lang";
export type { Diagnostic, Fix } from "@dmalab/lang/diagnostics";
export type { TextPart } from "@dmalab/lang/render";
export type {
  FailedValue,
  FailureReport,
  LoadResult,
  Program,
  RunOptions,
  TestEntry,
  TestOutcome,
} from "@dmalab/lang/run";
export { memoryFiles, type SourceLoader } from "@dmalab/lang/syntax";
export type { EventName, EventOf, MachineEvent } from "@dmalab/runtime";
export type { HistoryRow, MemoryWriter } from "@dmalab/runtime/recording";
export type { FieldKind } from "@dmalab/runtime/vocabulary";
export {
  evaluate,
  type OpenValue,
  readMemory,
  type ShownVariable,
  type ValuePart,
  type ValueText,
  variablesAt,
} from "./evaluate.ts";
export { EvaluationError } from "./evaluator.ts";
export { spanOfEvent } from "./last_writes.ts";
export { OpenRun, openRun, type RecordOptions, recordRun, type RunChoice, runsOf } from "./open.ts";
export { comparePositions, type Position, START } from "./position.ts";
export {
  type ChildRun,
  type KernelFrame,
  type OutputLine,
  RecordedRun,
  type RunName,
  type RunPosition,
  type ScriptFrame,
  type StartedStatement,
} from "./recorded_run.ts";
export { Recording } from "./recording.ts";
export { type RowFilter, rowsAt, rowsCovering } from "./rows.ts";
export { move, type StepCommand, type StepTarget, type StepUnit } from "./step.ts";
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
  changedRows,
  firstDifferentEvent,
  type RowDiff,
} from "./views/difference.ts";
export { type EventView, eventView } from "./views/event.ts";
export { pictureFile, timelineFile } from "./views/export_picture.ts";
export { type IncidentView, incidentView } from "./views/incident.ts";
export type { Meaning } from "./views/meaning.ts";
export { type PositionView, positionView } from "./views/position_view.ts";
export {
  type RequestPhase,
  type RequestRows,
  requestsAt,
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
  type RowView,
  type RowWindow,
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
