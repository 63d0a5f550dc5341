/** Registers of devices, as a driver in a script reads and writes them. */
import type { PhysAddr } from "../../../runtime/address.ts";
import type { Machine } from "../../../runtime/machine.ts";
import { formatAddress } from "../../text/numbers.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

const WORD_BYTES = 4;
const WORD_LIMIT = 2 ** 32;

const AT = param.phys(
  "at",
  "Where the register is: an address in a window of MMIO, a multiple of 4.",
);

function checkRegister({ memory }: Machine, at: PhysAddr): void {
  if (at % WORD_BYTES === 0 && memory.kindAt(at) === "mmio") return;
  throw new ScriptError(
    "E0919",
    `There is no register at ${formatAddress(at)}`,
    "registers lie in windows of MMIO, at multiples of 4",
  );
}

const BAR_MACHINE = `machine { pci { root_port rp0 { endpoint nic { bar = 4KiB } } } }\n`;

export const REGISTER_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "readl",
    parameters: [AT],
    result: "int",
    doc: "Reads a register of 32 bits, as a driver does: the device answers, or its window.",
    example: `${BAR_MACHINE}nic.on_read(8, () => 5)\nassert readl(nic.bar.at + 8B) == 5`,
    run(run, [at]) {
      const { machine } = run.lab;
      checkRegister(machine, at);
      return machine.registers.read(at, WORD_BYTES) ?? machine.memory.readU32(at);
    },
  }),
  builtin({
    name: "writel",
    parameters: [param.int("value", "32 bits.", 0, WORD_LIMIT - 1), AT],
    result: "nothing",
    doc: "Writes a register of 32 bits, as a driver does: the device hears of it.",
    example: `${BAR_MACHINE}writel(5, nic.bar.at)\nassert readl(nic.bar.at) == 5`,
    run(run, [value, at]) {
      const { machine } = run.lab;
      checkRegister(machine, at);
      if (!machine.registers.write(at, WORD_BYTES, value)) machine.memory.writeU32(at, value);
    },
  }),
];
