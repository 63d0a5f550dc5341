/** Any other device: scripts map for it, make it read and write, and describe its registers. */
import type { EndpointDevice } from "../../../../devices/endpoint/endpoint.ts";
import type { EndpointRegisters } from "../../../../devices/endpoint/endpoint_registers.ts";
import type { MemoryRegion } from "../../../../runtime/machine_config.ts";
import { formatSize } from "../../../text/numbers.ts";
import { describeValue } from "../../../values/operators.ts";
import { ScriptError } from "../../../values/script_error.ts";
import type { TypeSpec } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";
import { DEVICE } from "../device.ts";
import { REGION } from "../region.ts";

const WORD_BYTES = 4;
const WORD_LIMIT = 2 ** 32;

const OFFSET = param.of(
  "offset",
  ["int", "size"],
  "Which register: its offset in the window, a multiple of 4.",
  (value) => typeof value === "number" ? value : (value as { readonly value: number }).value,
);

const method = methodsOf<EndpointDevice>();

/** The window with a register in it. */
function windowAround({ name, registers }: EndpointDevice, offset: number): EndpointRegisters {
  if (registers === null) {
    throw new ScriptError(
      "E0919",
      `${name} has no window of registers`,
      `give it one: \`endpoint ${name} { bar = 4KiB }\``,
    );
  }
  const { sizeBytes } = registers;
  if (offset >= 0 && offset % WORD_BYTES === 0 && offset < sizeBytes) return registers;
  throw new ScriptError(
    "E0919",
    `${name} has no register of 4 bytes at ${offset}`,
    `its window has ${formatSize(sizeBytes)}, and registers lie at multiples of 4`,
  );
}

function windowOf({ name, registers }: EndpointDevice): MemoryRegion | null {
  if (registers === null) return null;
  const { basePhys, sizeBytes } = registers;
  return { name: `${name}.bar`, basePhys, sizeBytes, type: "mmio" };
}

const BAR_MACHINE = `machine { pci { root_port rp0 { endpoint nic { bar = 4KiB } } } }\n`;

export const ENDPOINT: TypeSpec<EndpointDevice> = {
  name: "endpoint",
  doc: "A PCI function that does DMA as the script says.",
  extends: DEVICE,
  fields: fieldsOf<EndpointDevice>((f) => ({
    bar: f.of(REGION, "Its window of registers; none for one without.", windowOf),
  })),
  methods: [
    method({
      name: "on_write",
      parameters: [
        OFFSET,
        param.function("function", "Is called with the value, after it has been written."),
      ],
      result: "nothing",
      doc: "Has a function called at each write of 32 bits to one of its registers, by `writel` " +
        "of the script or of a driver in C. It may read and write memory for the device, and " +
        "raise interrupts. What is written stays in the window, where `peek` finds it.",
      example: `${BAR_MACHINE}let seen = []\nnic.on_write(0x10, tail => seen.push(tail))\n` +
        `writel(7, nic.bar.at + 16B)\nassert seen == [7] and readl(nic.bar.at + 16B) == 7`,
      run(run, device, [offset, handler]) {
        windowAround(device, offset).onWrite(offset, (value) => void run.call(handler, [value]));
      },
    }),
    method({
      name: "on_read",
      parameters: [
        OFFSET,
        param.function(
          "function",
          "Is called without anything; gives the value, a number of 32 bits.",
        ),
      ],
      result: "nothing",
      doc: "Has a function say what is read from one of its registers, by `readl` of the script " +
        "or of a driver in C, instead of the window.",
      example:
        `${BAR_MACHINE}let status = { reads: 0 }\nfn next(s) { s.reads = s.reads + 1; return s.reads }\n` +
        `nic.on_read(0x04, () => next(status))\n` +
        `assert readl(nic.bar.at + 4B) == 1 and readl(nic.bar.at + 4B) == 2`,
      run(run, device, [offset, handler]) {
        windowAround(device, offset).onRead(offset, () => {
          const value = run.call(handler, []);
          if (typeof value === "number" && value >= 0 && value < WORD_LIMIT) return value;
          throw new ScriptError(
            "E0919",
            `A register of ${device.name} cannot hold ${describeValue(value)}`,
            "what `on_read` calls gives a number of 32 bits",
          );
        });
      },
    }),
    method({
      name: "raise",
      parameters: [param.int("vector", "Which of its interrupts, from 0.")],
      result: "nothing",
      doc: "Raises an interrupt. The handler that a driver in C has registered has run when this " +
        "returns, unless interrupts are off or another one is handled: then it runs after that.",
      example:
        `${BAR_MACHINE}let told = trace { nic.raise(0) }\nexpect events [ irq(vector: 0), ... ] in told`,
      run(_run, device, [vector]) {
        const { vectors } = device.function;
        if (vector < 0 || vector >= vectors) {
          throw new ScriptError(
            "E0919",
            `${device.name} has no interrupt ${vector}`,
            `it has ${vectors}, counted from 0; \`vectors = …\` in its block`,
          );
        }
        device.raise(vector);
      },
    }),
  ],
  format: (device) => `endpoint ${device.name}`,
};
