/** Reads the record of a lab's machine: tables and events, without devices. */
import { LAB_TABLES } from "@dmalab/devices";
import { CORE_EVENTS, type EventVocabulary } from "@dmalab/runtime";
import {
  type AnyTableSpec,
  readMachine,
  type RecordedMachine,
  writeMachine,
} from "@dmalab/runtime/recording";

export { writeMachine };

/**
 * The vocabulary of the machine that was recorded: its events, and the tables of the recording.
 * @internal
 */
export interface RecordedWith {
  readonly events: EventVocabulary;
  readonly tables: readonly AnyTableSpec[];
}

/** The built-in parts. */
export const BUILT_IN: RecordedWith = { events: CORE_EVENTS, tables: LAB_TABLES };

/** @throws {RangeError} When the bytes are cut off, or contain an unknown event. */
export function readLabMachine(
  bytes: Uint8Array,
  { events, tables }: RecordedWith,
): RecordedMachine {
  return readMachine(bytes, tables, events);
}
