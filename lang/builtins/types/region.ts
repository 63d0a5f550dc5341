/** A `region` of the machine block. */
import type { MemoryRegionConfig } from "@dmalab/runtime";
import { formatAddress, formatSize } from "../../text/numbers.ts";
import type { HandleType } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

/** A named part of the memory, or an MMIO window of a device. */
export const REGION: HandleType<MemoryRegionConfig> = {
  name: "region",
  doc: "A named part of physical memory.",
  fields: fieldsOf<MemoryRegionConfig>((f) => ({
    name: f.string("Its name.", (region) => region.name),
    at: f.phys("Physical address of its first byte.", (region) => region.basePhys),
    phys: f.phys("The same, as buffers call it.", (region) => region.basePhys),
    size: f.size("Its length.", (region) => region.sizeBytes),
    type: f.word("What lies there: ram or mmio.", (region) => region.type),
  })),
  format: (region) =>
    `region ${region.name}: ${formatSize(region.sizeBytes)} of ${region.type} at ${
      formatAddress(region.basePhys)
    }`,
};
