/**
 * Runs that are kept, and can be asked about any of their moments.
 *
 * Record one, stand at a moment of it, ask:
 *
 * ```ts
 * import { memoryFiles, SourceFile } from "./mod.ts";
 * import { loadFollowed, recordRun, requestView, rowsAt, runsOf } from "./recording.ts";
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
export { type TableFields, type TableName, type TableRow } from "./devices/lab_tables.ts";
export { loadFollowed } from "./lang/language.ts";
export {
  comparePositions,
  diffMoments,
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
export { type WhyView, whyView } from "./lang/views/why.ts";
