/** What a scenario says that the registers of its devices do. */
import type { LabDevice } from "@dmalab/devices";
import { describeValue } from "../values/operators.ts";
import { ScriptError } from "../values/script_error.ts";
import type { RegisterHandler, RegisterName } from "../values/simulated_machine.ts";

const WORD_LIMIT = 2 ** 32;

/** Has a device do something when one of its registers is accessed. The machine's check has found both. */
export function describeRegister(
  device: LabDevice | undefined,
  access: RegisterName["access"],
  offsetBytes: number,
  handler: RegisterHandler,
): void {
  const { name, registers } = device ?? {};
  if (registers === undefined || registers === null) {
    throw new Error("This device has no registers: the check of the machine refuses it");
  }
  if (access === "write") {
    registers.onWrite(offsetBytes, (value) => void handler([value]));
    return;
  }
  registers.onRead(offsetBytes, () => {
    const value = handler([]);
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < WORD_LIMIT) {
      return value as number;
    }
    throw new ScriptError(
      "E0919",
      `A register of ${name} cannot hold ${describeValue(value)}`,
      "the block of `on read` returns a number of 32 bits",
    );
  });
}
