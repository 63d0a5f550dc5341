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
export { type TableName, type TableRow } from "./devices/lab_tables.ts";
export { loadFollowed } from "./lang/language.ts";
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
} from "./lang/recording/mod.ts";
export {
  type BytesView,
  bytesView,
  type ByteWriter,
  type WrittenByte,
  type WrittenRange,
  writtenRanges,
} from "./lang/views/bytes.ts";
export {
  type DifferenceView,
  differenceView,
  type DifferentRow,
  type EventsBeside,
  eventsBeside,
} from "./lang/views/difference.ts";
export { type EventView, eventView } from "./lang/views/event.ts";
export { type IncidentView, incidentView } from "./lang/views/incident.ts";
export { type MomentView, momentView } from "./lang/views/moment.ts";
export {
  type RequestEntry,
  type RequestListPage,
  type RequestPhase,
  requestsAt,
  type RequestSegment,
  type RequestView,
  requestView,
} from "./lang/views/request.ts";
export {
  packText,
  readSerialised,
  type RunAndOutcome,
  serialise,
  SERIALISED_VERSION,
  type SerialisedRun,
  type SerialiseOptions,
  unpackText,
} from "./lang/views/serialised.ts";
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
} from "./lang/views/tables.ts";
export {
  type TimelineLane,
  type TimelineSpan,
  type TimelineView,
  timelineView,
} from "./lang/views/timeline.ts";
export { type WhyView, whyView } from "./lang/views/why.ts";

// What the types above are made of.
export { type RecordedWith } from "./lang/builtins/read_machine.ts";
export { type Diagnostic, type Fix } from "./lang/diagnostics/diagnostic.ts";
export { type Moment } from "./lang/recording/diff.ts";
export { type KernelFrame, type Side } from "./lang/recording/kept_run.ts";
export { type SomeValues } from "./lang/recording/rows.ts";
export { type Said, type ShownVariable } from "./lang/recording/questions.ts";
export { type TextPart } from "./lang/render/event_line.ts";
export { type LoadResult, type Program } from "./lang/run/program.ts";
export { type FailureReport, type TestOutcome } from "./lang/run/report.ts";
export { type RunOptions } from "./lang/run/run_options.ts";
export { type TestEntry } from "./lang/run/test_entry.ts";
export { SourceFile, type Span } from "./lang/source.ts";
export { memoryFiles, type SourceLoader } from "./lang/syntax/load_files.ts";
export { type OwnRows } from "./lang/views/request.ts";
export { type RowWindow } from "./lang/views/tables.ts";
export { type EventName } from "./runtime/event_vocabulary.ts";
export { type EventOf, type MachineEvent } from "./runtime/events.ts";
export { type MemoryWriter } from "./runtime/recording/memory_log.ts";
export { type FactRow } from "./runtime/recording/fact_table_spec.ts";
export { type FieldKind } from "./runtime/vocabulary/fields.ts";
