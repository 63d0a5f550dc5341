/** What is kept of a machine of the lab, read again: tables and events, and no device. */
import { LAB_TABLES } from "../../devices/lab_tables.ts";
import { CORE_EVENTS, type EventVocabulary } from "../../runtime/event_vocabulary.ts";
import type { AnyTableSpec } from "../../runtime/recording/fact_table_spec.ts";
import type { KeptMachine } from "../../runtime/recording/machine_recording.ts";
import { readMachine, writeMachine } from "../../runtime/recording/written_machine.ts";

export { writeMachine };

/**
 * What a recording was made with.
 * @internal
 */
export interface RecordedWith {
  readonly events: EventVocabulary;
  readonly tables: readonly AnyTableSpec[];
}

/** What is built in. */
export const BUILT_IN: RecordedWith = { events: CORE_EVENTS, tables: LAB_TABLES };

/** @throws {RangeError} When the bytes are cut off, or hold events that there are not. */
export function readLabMachine(
  bytes: Uint8Array,
  { events, tables }: RecordedWith,
): KeptMachine {
  return readMachine(bytes, tables, events);
}
