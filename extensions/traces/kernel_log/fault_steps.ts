/** What to run on the machine of a decoded IOMMU fault. */
import { type FaultLogFormat, isAboutMappings, type LoggedFault } from "@dmalab/runtime/fault_log";
import { PASSTHROUGH, STRICT } from "../ledger/finding_kinds.ts";

/** How to record a trace with its log. */
export const COLLECTOR = "`sh collect-trace.sh 30` as root (examples/traces/data, docs/traces.md)";
/** The step to record a trace beside the log. */
export const RECORD =
  `record the mappings while it happens: ${COLLECTOR}, and give both to \`dmalab trace check TRACE LOG\``;

/** Where firmware describes devices to an IOMMU, and what its devices may have. */
const SETUP: Readonly<Record<FaultLogFormat, string>> = {
  vtd:
    "the firmware's table (ACPI DMAR) and the lines of the IOMMU at boot, /sys/kernel/iommu_groups, ATS and PASID of the device in `lspci -vv`",
  amd:
    "the firmware's table (ACPI IVRS) and the lines of the IOMMU at boot, /sys/kernel/iommu_groups, ATS and PASID of the device in `lspci -vv`",
  arm:
    "the stream IDs of its node (iommus, iommu-map in the device tree; ACPI IORT on a server), the lines of the SMMU at boot and /sys/kernel/iommu_groups",
  arm_v2:
    "the stream IDs of its node (iommus, iommu-map in the device tree; ACPI IORT on a server), the lines of the SMMU at boot and /sys/kernel/iommu_groups",
  virtio:
    "the device's endpoint in the machine that the hypervisor gives to the guest, the lines of the IOMMU at boot and /sys/kernel/iommu_groups",
};

/** The recommended steps, most important first. */
export function faultSteps({ details, format, reason }: LoggedFault): readonly string[] {
  if (reason === "interrupt_refused") {
    return [
      "the IOMMU refused an interrupt, not a mapping: look at the device in /proc/interrupts, at its MSI capability in `lspci -vv`, and at the lines about interrupt remapping at boot",
    ];
  }
  if (!isAboutMappings(reason) && details.dump?.present !== false) {
    return [
      `look at what set up the device and its IOMMU: ${SETUP[format]}`,
    ];
  }
  return [
    RECORD,
    "look for a region of the firmware at the address: reserved_regions of the device's group in /sys/kernel/iommu_groups",
    STRICT,
    PASSTHROUGH,
  ];
}
