/**
 * A recorded run of a machine: its events in columns of numbers, and tables with rows that are
 * valid from one event to another.
 *
 * State: `MachineRecording` owns its log and tables; they only grow. Hot path: storing an event as
 * a row of numbers; `deno task bench recording` measures it. Tests: `event_log_test.ts`,
 * `history_table_test.ts`, model tests beside them.
 *
 * Other workspace members use these exports:
 */
export type { EventLog } from "./event_log.ts";
export { HistoryTable } from "./history_table.ts";
export type {
  AddedChanges,
  AnyTableSpec,
  Changes,
  FieldName,
  HistoryRow,
  HistoryTableSpec,
  LeakSpec,
  TableEvent,
} from "./history_table_spec.ts";
export type { MemoryWrite, MemoryWriter } from "./memory_log.ts";
export type { StatementLog } from "./statement_log.ts";
export { COHERENT, HELD_TABLES } from "./tables/held.ts";
export { MAPPINGS } from "./tables/mappings.ts";
export { RUNTIME_TABLES } from "./tables/runtime_tables.ts";
export * from "./machine_recording.ts";
export * from "./written_machine.ts";
