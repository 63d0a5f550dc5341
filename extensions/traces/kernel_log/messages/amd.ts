/** Messages of AMD's IOMMU, beside its decoded events. @see rules/traces.md T.49, T.70, T.72 */
import type { MessageArea } from "./message.ts";
import { DEVICE_SILENT, LATER_FAULTS } from "./steps.ts";

export const AMD: MessageArea = {
  name: "AMD IOMMU",
  page: "AMD IOMMU specification 2.5; rules/traces.md T.49",
  words: ["AMD-Vi", "ivhd"],
  rows: [
    {
      kind: "invalidation_error",
      forms: [
        "AMD-Vi: IOMMU {iommu}: Completion-Wait loop timed out",
        "AMD-Vi: Completion-Wait loop timed out",
      ],
      always: { format: "amd", error: "completion_wait_timeout" },
      role: "report",
      finding: "invalidation_error",
      means: "The IOMMU did not complete a command in time; no mapping of a driver is the cause",
      causes: [{
        id: "device",
        certainty: "possible",
        text:
          "a device does not answer an invalidation of its TLB (ATS): it hangs, is in a reset or was removed. The IOTLB_INV_TIMEOUT events beside it name the device",
        next: [DEVICE_SILENT, "switch ATS off to try: pci=noats"],
      }],
    },
    {
      kind: "invalidation_error",
      forms: ["AMD-Vi: Command buffer timeout"],
      always: { format: "amd", error: "command_buffer_timeout" },
      role: "report",
      finding: "invalidation_error",
      means: "The IOMMU's queue of commands stayed full; no mapping of a driver is the cause",
      causes: [{
        id: "device",
        certainty: "possible",
        text: "a device does not answer an invalidation of its TLB, and commands wait behind it",
        next: [DEVICE_SILENT],
      }],
    },
    {
      kind: "iommu_error",
      forms: [
        "AMD-Vi: IOMMU {queue~Event|PPR|GA} log {~overflow|restarting}",
        "AMD-Vi: {...}{queue~Event|PPR|GA} log {~overflow|restarting}",
      ],
      always: { format: "amd", error: "queue_overflow" },
      role: "consequence",
      follows: ["iommu_fault", "suppressed"],
      means:
        "Records were lost: the ring of the IOMMU's events was full, because faults came faster than the CPU read them. It is no error of the IOMMU",
      next: [LATER_FAULTS],
    },
    {
      kind: "iommu_error",
      forms: ["AMD-Vi: {reason=text} hardware error{?{...}?}"],
      always: { format: "amd", error: "hardware_error" },
      role: "report",
      finding: "iommu_error",
      means: "The IOMMU could not read its own tables",
    },
    {
      kind: "iommu_error",
      forms: ["AMD-Vi: Invalid PASID : {pasid}, device : {source_id}"],
      always: { format: "amd", error: "page_request" },
      role: "report",
      finding: "iommu_error",
      means: "A device sent a page request for an address space that it is not bound to",
    },
    {
      kind: "iommu_setup",
      forms: [
        "AMD-Vi: IVRS invalid checksum",
        "AMD-Vi: The address of old device table is above 4G, not trustworthy",
        "AMD-Vi: Invalid IVHD device type {value}",
        "AMD-Vi: Invalid {~HID|UID length}.",
        "AMD-Vi: Disable host address translation due to invalid translation level ({value})",
        "AMD-Vi: Cannot enable v2 page table for DMA-API. Fallback to v1",
        "AMD-Vi: Early {~IOAPIC|HPET|ACPI HID} map overflow - ignoring {option}",
        "AMD-Vi: [Firmware Bug]: {rest}",
        "[Firmware Bug]: AMD-Vi: {rest}",
      ],
      role: "report",
      means: "The IOMMU was not set up as the firmware's table (IVRS) says",
      next: [
        "a firmware update; ivrs_ioapic=, ivrs_hpet= and ivrs_acpihid= correct single entries",
      ],
    },
    {
      kind: "iommu_setup",
      forms: ["AMD-Vi: Unable to read/write to IOMMU perf counter"],
      role: "report",
      means:
        "The IOMMU's performance counters cannot be used; translation works, and no mapping is concerned",
    },
    {
      kind: "state",
      forms: [
        "AMD-Vi: Applying erratum: Increase Event log size to {value}",
        "AMD-Vi: amd_iommu=fullflush deprecated; use {rest}",
        "AMD-Vi: No event written to event log",
        "AMD-Vi: {~Interrupt remapping enabled|X2APIC enabled|Virtual APIC enabled|IOMMU performance counters supported|Disabling interrupt remapping|AMD IOMMUv2|Using global IVHD EFR|Extended features|Found IOMMU|Lazy IO/TLB flushing enabled|IO/TLB flush on unmap enabled}",
      ],
      role: "state",
      means: "What AMD's IOMMU found in the firmware's table, or switched on",
    },
    {
      kind: "iommu_fault",
      isDecoded: true,
      forms: [
        "AMD-Vi: Event logged [{~IO_PAGE_FAULT|RMP_PAGE_FAULT|RMP_HW_ERROR|INVALID_PPR_REQUEST|ILLEGAL_DEV_TABLE_ENTRY|DEV_TAB_HARDWARE_ERROR|PAGE_TAB_HARDWARE_ERROR|ILLEGAL_COMMAND_ERROR|COMMAND_HARDWARE_ERROR|IOTLB_INV_TIMEOUT|INVALID_DEVICE_REQUEST|UNKNOWN|Device not attached to domain properly}{...}]",
      ],
      role: "fault",
      means: "A record of AMD's IOMMU",
    },
  ],
};
