/** Decodes a fault line of a kernel's log. */
import type { FunctionSpec } from "../../values/spec.ts";
import { FAULT_LOG, readFaultLog } from "../types/fault_log.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

export const FAULT_LOG_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "fault_log",
    pure: true,
    parameters: [
      param.string(
        "text",
        "The line as dmesg prints it, with or without timestamps; several lines of one fault " +
          "joined by \\n.",
      ),
    ],
    result: FAULT_LOG,
    doc:
      "Decodes an IOMMU fault line of a kernel log: VT-d, AMD, Arm SMMU or virtio-iommu. `explain` matches it " +
      "with this run: the mapping it hit, and the call responsible.",
    example: `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } }
}
let line = fault_log("DMAR: [DMA Read NO_PASID] Request device [01:00.0] " +
  "fault addr 0xff000000 [fault reason 0x06] PTE Read access is not set")
assert line.format == vtd and line.access == read
assert line.reason == not_readable
assert line.device == ssd and line.verdict == never_mapped`,
    run: (_run, [text]) => readFaultLog(text),
  }),
];
