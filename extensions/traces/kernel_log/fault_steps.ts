/** What to run on the machine of a decoded IOMMU fault. */
import { isAboutMappings, type LoggedFault } from "@dmalab/runtime/fault_log";
import { PASSTHROUGH, STRICT } from "../ledger/finding_kinds.ts";

/** How to record a trace with its log. */
export const COLLECTOR = "`sh collect-trace.sh 30` as root (examples/traces/data, docs/traces.md)";
/** The step to record a trace beside the log. */
export const RECORD =
  `record the mappings while it happens: ${COLLECTOR}, and give both to \`dmalab trace check TRACE LOG\``;

/** The recommended steps, most important first. */
export function faultSteps({ reason }: LoggedFault): readonly string[] {
  if (reason === "interrupt_refused") {
    return [
      "the IOMMU refused an interrupt, not a mapping: look at the device in /proc/interrupts, at its MSI capability in `lspci -vv`, and at the lines about interrupt remapping at boot",
    ];
  }
  if (!isAboutMappings(reason)) {
    return [
      "look at what set up the device and its IOMMU: the firmware's tables (ACPI DMAR, IVRS, IORT) and the lines of the IOMMU at boot, /sys/kernel/iommu_groups, ATS and PASID of the device in `lspci -vv`",
    ];
  }
  return [
    RECORD,
    "look for a region of the firmware at the address: reserved_regions of the device's group in /sys/kernel/iommu_groups",
    STRICT,
    PASSTHROUGH,
  ];
}
