/** Registers of devices, for reads and writes by a driver in a script. */
import {
  type Machine,
  type PhysAddr,
  readRegister,
  readWideRegister,
  writeRegister,
  writeWideRegister,
} from "@dmalab/runtime";
import { formatAddress } from "../../text/numbers.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BytesValue, type Value } from "../../values/value.ts";
import { toInt, wrongType } from "../arguments.ts";
import { type U64, wideBits, wideValue } from "../wide.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

type Width = 1 | 2 | 4 | 8;

function address(sizeBytes: Width) {
  const where = sizeBytes === 1 ? "" : `, a multiple of ${sizeBytes}`;
  return param.phys("at", `Where the register is: an address in a window of MMIO${where}.`);
}

function toWide(value: Value): U64 {
  if (typeof value === "number") return toInt(value, "value", 0);
  if (value instanceof BytesValue && value.bytes.length === 8) return value.bytes;
  throw wrongType(value, "64 bits", "an int, or 8 bytes,");
}

function checkRegister({ memory }: Machine, at: PhysAddr, sizeBytes: Width): void {
  if (at % sizeBytes === 0 && memory.kindAt(at) === "mmio") return;
  throw new ValueError(
    `There is no register at ${formatAddress(at)}`,
    `registers lie in windows of MMIO${
      sizeBytes === 1 ? "" : `, those of ${8 * sizeBytes} bits at multiples of ${sizeBytes}`
    }`,
  );
}

const BAR_MACHINE = `machine { pci { root_port rp0 { endpoint nic { bar = 4KiB } } } }\n`;

/** `readb`, `writeb` and their like: a letter for each width. */
function accesses(letter: "b" | "w" | "l", sizeBytes: 1 | 2 | 4): readonly FunctionSpec[] {
  const bits = 8 * sizeBytes;
  const at = address(sizeBytes);
  return [
    builtin({
      name: `read${letter}`,
      parameters: [at],
      result: "int",
      doc:
        `Reads a ${bits}-bit MMIO register, from the device's model or else from the memory of its BAR.`,
      example: `${BAR_MACHINE}write${letter}(5, nic.bar.at + 8B)\n` +
        `assert read${letter}(nic.bar.at + 8B) == 5`,
      run(context, [at]) {
        const { machine } = context.lab;
        checkRegister(machine, at, sizeBytes);
        return readRegister(machine, at, sizeBytes);
      },
    }),
    builtin({
      name: `write${letter}`,
      parameters: [param.int("value", `${bits} bits.`, 0, 2 ** bits - 1), at],
      doc: `Writes a ${bits}-bit MMIO register, and runs the device's handler.`,
      example: `${BAR_MACHINE}write${letter}(5, nic.bar.at)\n` +
        `assert read${letter}(nic.bar.at) == 5`,
      run(context, [value, at]) {
        const { machine } = context.lab;
        checkRegister(machine, at, sizeBytes);
        writeRegister(machine, at, sizeBytes, value);
      },
    }),
  ];
}

const WIDE_AT = address(8);
const HALF_BITS = 32n;

/** Access to registers of 64 bits as two registers of 32, the lower one first. */
const WIDE_ACCESSES: readonly FunctionSpec[] = [
  builtin({
    name: "readq",
    parameters: [WIDE_AT],
    result: "any",
    doc: "Reads a 64-bit register as two 32-bit halves, the low half first. Returns an int below " +
      "2^53, else its 8 bytes, least significant first.",
    example: `${BAR_MACHINE}writeq(bytes"01 00 00 00 00 00 00 80", nic.bar.at)\n` +
      `assert readq(nic.bar.at) == bytes"01 00 00 00 00 00 00 80"\n` +
      `assert readq(nic.bar.at + 8B) == 0`,
    run(context, [at]) {
      const { machine } = context.lab;
      checkRegister(machine, at, 8);
      const [low, high] = readWideRegister(machine, at);
      return wideValue(BigInt(high) << HALF_BITS | BigInt(low));
    },
  }),
  builtin({
    name: "writeq",
    parameters: [
      param.of("value", ["int", "bytes"], "An int, or 8 bytes, least significant first.", toWide),
      WIDE_AT,
    ],
    doc: "Writes a 64-bit register as two 32-bit halves, the low half first.",
    example: `${BAR_MACHINE}writeq(0x1_0000_0005, nic.bar.at)\n` +
      `assert readl(nic.bar.at) == 5 and readl(nic.bar.at + 4B) == 1`,
    run(context, [value, at]) {
      const { machine } = context.lab;
      checkRegister(machine, at, 8);
      const bits = wideBits(value);
      const low = Number(BigInt.asUintN(32, bits));
      writeWideRegister(machine, at, low, Number(bits >> HALF_BITS));
    },
  }),
];

export const REGISTER_CALLS: readonly FunctionSpec[] = [
  ...accesses("b", 1),
  ...accesses("w", 2),
  ...accesses("l", 4),
  ...WIDE_ACCESSES,
];
