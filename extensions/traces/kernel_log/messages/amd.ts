/** Messages of AMD's IOMMU, beside its decoded events. @see rules/traces.md T.49, T.70, T.72 */
import { type MessageArea, stateRows } from "./message.ts";
import { DEVICE_SILENT, LATER_FAULTS } from "./steps.ts";

/** The step for a firmware's table that is wrong. */
const IVRS_NEXT =
  "a firmware update; ivrs_ioapic=, ivrs_hpet= and ivrs_acpihid= correct single entries";

export const AMD: MessageArea = {
  name: "AMD IOMMU",
  page: "AMD IOMMU specification 2.5; rules/traces.md T.49",
  words: ["AMD-Vi", "ivhd"],
  rows: [
    {
      kind: "state",
      forms: ["AMD-Vi: Unknown option - '{value=word_text}'"],
      condition:
        "A word of the boot parameter amd_iommu= that the kernel does not know: it ignores the word",
      role: "state",
      means:
        "A word of the boot parameter amd_iommu= that this kernel does not know, and ignores: the IOMMU is set up as without it",
    },
    {
      kind: "invalidation_error",
      forms: [
        "AMD-Vi: IOMMU {iommu}: Completion-Wait loop timed out",
        "AMD-Vi: Completion-Wait loop timed out",
      ],
      always: { format: "amd", error: "completion_wait_timeout" },
      condition:
        "A sequence of commands did not complete in 100 000 polls of 1 µs; the caller goes on, and each case prints",
      role: "report",
      finding: "invalidation_error",
      means: "The IOMMU did not complete a command in time; no mapping of a driver is the cause",
      causes: [{
        id: "device",
        certainty: "possible",
        text:
          "a device does not answer an invalidation of its TLB (ATS): it hangs, is in a reset or was removed. An event IOTLB_INV_TIMEOUT in the same seconds names the device",
        next: [DEVICE_SILENT, "switch ATS off to try: pci=noats"],
      }],
    },
    {
      kind: "iommu_detail",
      forms: ["AMD-Vi: Event logged{rest_of_event=cut_event}"],
      derive: ({ rest_of_event: _, ...facts }) => facts,
      role: "report",
      means:
        "The IOMMU logged an event, and the line is cut before its name: a fault, an invalidation that timed out, or an error of a table. Which device and which address is not in the text",
      next: [
        "give the whole line: behind these words it has the event, the device, the domain and the address; older kernels print the rest in the next line",
      ],
    },
    {
      kind: "invalidation_error",
      forms: ["AMD-Vi: Command buffer timeout"],
      always: { format: "amd", error: "command_buffer_timeout" },
      condition: "The command queue stayed full for 100 000 polls of 1 µs",
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
      condition: "The log overflowed and stopped: the kernel starts it again",
      role: "consequence",
      follows: ["iommu_fault", "suppressed"],
      means: ({ queue }) =>
        `Records were lost: the IOMMU's log of ${
          queue === "PPR" ? "page requests" : queue === "GA" ? "interrupts for guests" : "events"
        } was full. It is no error of the IOMMU`,
      next: [LATER_FAULTS],
    },
    {
      kind: "iommu_error",
      forms: ["AMD-Vi: {reason=text} hardware error{?{...}?}"],
      always: { format: "amd", error: "hardware_error" },
      role: "report",
      finding: "iommu_error",
      means: "The IOMMU could not read its own tables",
      next: [
        "look for errors of the memory (MCE, EDAC) in the same seconds; no mapping of a driver is the cause",
      ],
    },
    {
      kind: "iommu_error",
      forms: ["AMD-Vi: Invalid PASID : {pasid}, device : {source_id}"],
      always: { format: "amd", error: "page_request" },
      condition: "A page request has PASID 0, or one above the device's number (limited in rate)",
      role: "report",
      finding: "iommu_error",
      means:
        "A page request of a device was refused: its PASID is 0, or above the number that the device was given",
      next: [
        "look at the device's driver: which PASIDs it binds, and whether the device sends one that was never bound",
      ],
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
      ],
      role: "report",
      means: "The IOMMU was not set up as the firmware's table (IVRS) says",
      next: [IVRS_NEXT],
    },
    {
      kind: "iommu_setup",
      forms: [
        "AMD-Vi: [Firmware Bug]: {?: ?}IOAPIC[{ioapic=count}] not in IVRS table",
        "[Firmware Bug]: AMD-Vi: IOAPIC[{ioapic=count}] not in IVRS table",
        "[Firmware Bug]: AMD-Vi: No southbridge{...}",
        "AMD-Vi: [Firmware Bug]: {?: ?}No southbridge{...}",
      ],
      condition:
        "The firmware's table (IVRS) has no entry for an interrupt controller that the kernel knows, or none for the one of the southbridge",
      role: "report",
      means: ({ ioapic }) =>
        `${
          typeof ioapic !== "number"
            ? "The firmware's table (IVRS) has no entry for the interrupt controller of the southbridge"
            : `The firmware's table (IVRS) has no entry for the interrupt controller IOAPIC ${ioapic}`
        }. Interrupt remapping needs it: \`Disabling interrupt remapping\` says that it is off. The translation of DMA is another switch`,
      next: [
        "a firmware update, or the missing entry by hand: ivrs_ioapic[ID]=BUS:DEVICE.FUNCTION (the southbridge is most often 00:14.0)",
        "without interrupt remapping VFIO refuses devices, unless `vfio_iommu_type1.allow_unsafe_interrupts=1` permits it",
      ],
    },
    {
      kind: "iommu_setup",
      forms: ["AMD-Vi: Disabling interrupt remapping{...}"],
      condition: "An entry of the table is missing or wrong, or the set-up of the remapping failed",
      role: "report",
      means:
        "Interrupt remapping is off: devices may send any interrupt. The translation of DMA is another switch",
      next: ["look at the lines of AMD-Vi before it: one names the entry that is missing or wrong"],
    },
    {
      kind: "iommu_setup",
      forms: ["AMD-Vi: [Firmware Bug]: {rest}", "[Firmware Bug]: AMD-Vi: {rest}"],
      role: "report",
      means: "Something in the firmware's table (IVRS) is missing or wrong, by the kernel's words",
      next: [IVRS_NEXT],
    },
    {
      kind: "iommu_setup",
      forms: [
        "AMD-Vi: Unable to read/write to IOMMU perf counter",
        "AMD-Vi: Unable to write to IOMMU perf counter",
      ],
      role: "report",
      means: "The IOMMU's performance counters cannot be used; no mapping is concerned",
      next: ["nothing to do for a problem of DMA: `perf` has no counters of this IOMMU"],
    },
    {
      kind: "iommu_error",
      forms: ["AMD-Vi: No event written to event log"],
      always: { format: "amd", error: "empty_event" },
      condition: "The entry of the event log stayed empty for 100 000 polls of 1 µs",
      role: "report",
      means:
        "The IOMMU moved the pointer of its event log and wrote no event: a fault may be lost. The line names no device",
      next: ["look for an erratum of the IOMMU, and for other events beside this line"],
    },
    {
      kind: "iommu_error",
      forms: ["AMD-Vi: Unknown PPR request received"],
      always: { format: "amd", error: "page_request" },
      condition: "An entry of the log of page requests has a type that the kernel does not know",
      role: "report",
      means:
        "The IOMMU's log of page requests had an entry of an unknown type: it was not answered",
      next: [
        "look for a newer kernel, and for other events of the same second: they name the device",
      ],
    },
    {
      kind: "state",
      forms: [
        "AMD-Vi: Translation was enabled for IOMMU:{iommu_number=count} but we are not in kdump mode",
      ],
      condition: "At boot, the IOMMU translates already: firmware or an earlier kernel left it on",
      role: "state",
      means:
        "Firmware or an earlier kernel had left the IOMMU on: the kernel switched it off, and on again with its own tables. Devices that were active may fault at that moment",
    },
    {
      kind: "iommu_detail",
      forms: [
        "AMD-Vi: DTE[{word_number=count}]: {pte}",
        "AMD-Vi: CMD[{word_number=count}]: {pte}",
        "AMD-Vi:   device={device=pci_function} domain={domain=value}",
        "AMD-Vi: device={device=pci_function} domain={domain=value}",
      ],
      condition: "Below an event: the entry of the device, or the command that was refused",
      role: "state",
      means: "A line below an event of the IOMMU: the event's own line says what happened",
    },
    ...stateRows([
      [
        "The kernel works around an erratum of the IOMMU",
        "AMD-Vi: Applying erratum: Increase Event log size to {value}",
      ],
      [
        "How unmaps are invalidated: at once (strict) or later in a batch (lazy)",
        "AMD-Vi: amd_iommu=fullflush deprecated; use {rest}",
        "AMD-Vi: Using strict mode due to virtualization",
        "AMD-Vi: {~Lazy IO/TLB flushing enabled|IO/TLB flush on unmap enabled}",
      ],
      [
        "AMD's IOMMU was found: its capability, its features, or its performance counters",
        "perf/amd_iommu: Detected AMD IOMMU",
        "AMD-Vi: {~IOMMU performance counters supported|Using global IVHD EFR|Extended features|Found IOMMU}",
      ],
      [
        "How interrupts of devices are remapped, as the line says",
        "AMD-Vi: {~Interrupt remapping enabled|X2APIC enabled|Virtual APIC enabled}",
      ],
    ]),
    {
      kind: "state",
      forms: ["AMD-Vi: AMD IOMMUv2 {...}not available{...}", "AMD IOMMUv2 {...}not available{...}"],
      role: "state",
      means:
        "No AMD IOMMU that shares the page tables of processes (PASID, PRI) is used. The module says so on machines with another IOMMU too: no error",
    },
    {
      kind: "iommu_fault",
      isDecoded: true,
      forms: [
        "AMD-Vi: Event logged [{~IO_PAGE_FAULT|RMP_PAGE_FAULT|RMP_HW_ERROR|INVALID_PPR_REQUEST|ILLEGAL_DEV_TABLE_ENTRY|DEV_TAB_HARDWARE_ERROR|PAGE_TAB_HARDWARE_ERROR|ILLEGAL_COMMAND_ERROR|COMMAND_HARDWARE_ERROR|IOTLB_INV_TIMEOUT|INVALID_DEVICE_REQUEST|UNKNOWN|Device not attached to domain properly}{...}]",
      ],
      condition:
        "An entry in the IOMMU's event log. IO_PAGE_FAULT and RMP events: at most 10 in 5 s for each device; the others: each",
      role: "fault",
      means: "A record of AMD's IOMMU",
    },
  ],
};
