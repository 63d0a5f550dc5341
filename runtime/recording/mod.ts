/** What other members use of `runtime/recording`. */
export { EventLog } from "./event_log.ts";
export { HistoryTable } from "./history_table.ts";
export type {
  AddedChanges,
  AnyTableSpec,
  Changes,
  FieldName,
  HistoryRow,
  HistoryRows,
  HistoryTableSpec,
  LeakSpec,
  TableEvent,
} from "./history_table_spec.ts";
export { MachineRecording, RecordedMachine } from "./machine_recording.ts";
export type { MemoryWrite, MemoryWriter } from "./memory_log.ts";
export { StatementLog } from "./statement_log.ts";
export { COHERENT, HELD_TABLES } from "./tables/held.ts";
export { MAPPINGS } from "./tables/mappings.ts";
export { RUNTIME_TABLES } from "./tables/runtime_tables.ts";
export { readMachine, writeMachine } from "./written_machine.ts";
