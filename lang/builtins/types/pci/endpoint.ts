/**
 * An `endpoint`, which represents a device of any other kind: scripts map memory for it, make it
 * read and write, and describe its registers.
 */
import type { EndpointDevice } from "@dmalab/devices";
import type { MemoryRegionConfig } from "@dmalab/runtime";
import { ValueError } from "../../../values/script_error.ts";
import type { HandleType } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";
import { DEVICE } from "../device.ts";
import { REGION } from "../region.ts";
import { exportMemory, RANGES, SHARED_MEMORY, SHARING_MACHINE } from "./shared_memory.ts";

const method = methodsOf<EndpointDevice>();

function windowOf({ name, registers }: EndpointDevice): MemoryRegionConfig | null {
  if (registers === null) return null;
  const { basePhys, sizeBytes } = registers;
  return { name: `${name}.bar`, basePhys, sizeBytes, type: "mmio" };
}

const BAR_MACHINE = `machine { pci { root_port rp0 { endpoint nic { bar = 4KiB } } } }\n`;

export const ENDPOINT: HandleType<EndpointDevice> = {
  name: "endpoint",
  doc: "A PCI function whose DMA the script issues.",
  extends: DEVICE,
  fields: fieldsOf<EndpointDevice>((f) => ({
    bar: f.of(REGION, "Its BAR with registers; none without one.", windowOf),
  })),
  methods: [
    method({
      name: "export",
      parameters: [RANGES],
      result: SHARED_MEMORY,
      doc:
        "Exports parts of its BAR as a dma-buf: memory without pages, which other devices attach.",
      example: `${SHARING_MACHINE}let shared = gpu.export(ranges: [0B..8KiB, 64KiB..68KiB])\n` +
        `assert shared.size == 12KiB`,
      raises: ["EOPNOTSUPP"],
      run: (context, device, [ranges]) => exportMemory(context, device, windowOf(device), ranges),
    }),
    method({
      name: "revoke",
      parameters: [param.handle("shared", SHARED_MEMORY, "A dma-buf that it has exported.")],
      doc:
        "Takes an exported dma-buf back. What importers still have mapped is reported, and so is " +
        "their first access after it.",
      example: `${SHARING_MACHINE}let shared = gpu.export(ranges: [0B..8KiB])\n` +
        `let attached = nic.attach(shared)\nattached.map(to_device)\nattached.unmap()\n` +
        `gpu.revoke(shared)\nattached.map(to_device) fails ENODEV`,
      run(_context, device, [shared]) {
        if (shared.exporter.name !== device.name) {
          throw new ValueError(
            `${device.name} cannot revoke memory of ${shared.exporter.name}`,
            `write \`${shared.exporter.name}.revoke(…)\``,
          );
        }
        if (!shared.revoked) shared.revoke();
      },
    }),
    method({
      name: "raise",
      parameters: [param.int("vector", "Which of its interrupts, from 0.")],
      doc: "Raises an interrupt. The handler of a C driver has run when this returns, unless " +
        "interrupts are disabled or another handler is running: then it runs later.",
      example:
        `${BAR_MACHINE}let events = trace { nic.raise(0) }\nexpect events [ irq(vector: 0), ... ] in events`,
      run(_run, device, [vector]) {
        const { vectors } = device.function;
        if (vector < 0 || vector >= vectors) {
          throw new ValueError(
            `${device.name} has no interrupt ${vector}`,
            `it has ${vectors}, counted from 0; \`vectors = …\` in its block`,
          );
        }
        device.raise(vector);
      },
    }),
  ],
  gone: {
    on_write: "a register's handler belongs in the endpoint's block: `on write 0x10 { … }`",
    on_read: "a register's value belongs in the endpoint's block: `on read 0x14 { return e }`",
  },
  format: (device) => `endpoint ${device.name}`,
};
