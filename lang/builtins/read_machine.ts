/** What is kept of a machine of the lab, read again: tables and events, and no device. */
import { LAB_TABLES } from "../../devices/lab_tables.ts";
import type { KeptMachine } from "../../runtime/recording/machine_recording.ts";
import { readMachine, writeMachine } from "../../runtime/recording/written_machine.ts";

export { writeMachine };

/** @throws {RangeError} When the bytes are cut off. */
export function readLabMachine(bytes: Uint8Array): KeptMachine {
  return readMachine(bytes, LAB_TABLES);
}
