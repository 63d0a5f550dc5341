/** Registers of devices, as a driver in a script reads and writes them. */
import type { PhysAddr } from "../../../runtime/address.ts";
import { readRegister, writeRegister } from "../../../runtime/memory/register_access.ts";
import type { Machine } from "../../../runtime/machine.ts";
import { formatAddress } from "../../text/numbers.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

type Width = 1 | 2 | 4;

function address(sizeBytes: Width) {
  const where = sizeBytes === 1 ? "" : `, a multiple of ${sizeBytes}`;
  return param.phys("at", `Where the register is: an address in a window of MMIO${where}.`);
}

function checkRegister({ memory }: Machine, at: PhysAddr, sizeBytes: Width): void {
  if (at % sizeBytes === 0 && memory.kindAt(at) === "mmio") return;
  throw new ScriptError(
    "E0919",
    `There is no register at ${formatAddress(at)}`,
    `registers lie in windows of MMIO${
      sizeBytes === 1 ? "" : `, those of ${8 * sizeBytes} bits at multiples of ${sizeBytes}`
    }`,
  );
}

const BAR_MACHINE = `machine { pci { root_port rp0 { endpoint nic { bar = 4KiB } } } }\n`;

/** `readb`, `writeb` and their like: a letter for each width. */
function accesses(letter: "b" | "w" | "l", sizeBytes: Width): readonly FunctionSpec[] {
  const bits = 8 * sizeBytes;
  const at = address(sizeBytes);
  return [
    builtin({
      name: `read${letter}`,
      parameters: [at],
      result: "int",
      doc: `Reads a register of ${bits} bits, as a driver does: the device answers, or its window.`,
      example: `${BAR_MACHINE}write${letter}(5, nic.bar.at + 8B)\n` +
        `assert read${letter}(nic.bar.at + 8B) == 5`,
      run(run, [at]) {
        const { machine } = run.lab;
        checkRegister(machine, at, sizeBytes);
        return readRegister(machine, at, sizeBytes);
      },
    }),
    builtin({
      name: `write${letter}`,
      parameters: [param.int("value", `${bits} bits.`, 0, 2 ** bits - 1), at],
      result: "nothing",
      doc: `Writes a register of ${bits} bits, as a driver does, and runs the device's handler.`,
      example: `${BAR_MACHINE}write${letter}(5, nic.bar.at)\n` +
        `assert read${letter}(nic.bar.at) == 5`,
      run(run, [value, at]) {
        const { machine } = run.lab;
        checkRegister(machine, at, sizeBytes);
        writeRegister(machine, at, sizeBytes, value);
      },
    }),
  ];
}

export const REGISTER_CALLS: readonly FunctionSpec[] = [
  ...accesses("b", 1),
  ...accesses("w", 2),
  ...accesses("l", 4),
];
