/** Any other device: scripts map for it, make it read and write, and describe its registers. */
import type { EndpointDevice } from "@dmalab/devices/endpoint";
import type { MemoryRegionConfig } from "@dmalab/runtime";
import { ValueError } from "../../../values/script_error.ts";
import type { HandleType } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";
import { DEVICE } from "../device.ts";
import { REGION } from "../region.ts";

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
