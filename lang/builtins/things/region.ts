/** A `region` of the machine block. */
import type { MemoryRegion } from "../../../runtime/machine_config.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";
import { phys, size, word } from "../arguments.ts";
import type { TypeSpec } from "../../values/spec.ts";

export const REGION: TypeSpec<MemoryRegion> = {
  name: "region",
  doc: "A named part of physical memory.",
  fields: [
    { name: "name", kind: "string", doc: "Its name.", get: (region) => region.name },
    {
      name: "at",
      kind: "phys",
      doc: "Physical address of its first byte.",
      get: (region) => phys(region.basePhys),
    },
    {
      name: "phys",
      kind: "phys",
      doc: "The same, as buffers call it.",
      get: (region) => phys(region.basePhys),
    },
    { name: "size", kind: "size", doc: "Its length.", get: (region) => size(region.sizeBytes) },
    {
      name: "type",
      kind: "word",
      doc: "What lies there: ram or mmio.",
      get: (region) => word(region.type),
    },
  ],
  methods: [],
  format: (region) =>
    `region ${region.name}: ${formatSize(region.sizeBytes)} of ${region.type} at ${
      formatAddress(region.basePhys)
    }`,
};
