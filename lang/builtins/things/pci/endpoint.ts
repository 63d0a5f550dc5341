/** Any other device: scripts map for it, and make it read and write. */
import type { LabDevice } from "../../../../devices/lab.ts";
import type { TypeSpec } from "../../../values/spec.ts";
import { DEVICE } from "../device.ts";

export const ENDPOINT: TypeSpec<LabDevice> = {
  name: "endpoint",
  doc: "A PCI function that does DMA as the script says.",
  extends: DEVICE,
  fields: () => [],
  methods: [],
  format: (device) => `endpoint ${device.name}`,
};
