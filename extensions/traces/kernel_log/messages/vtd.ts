/** Messages of Intel VT-d. @see rules/traces.md T.44 to T.48, T.53, T.73 */
import type { LogEntryFacts } from "../log_facts.ts";
import {
  addressOf,
  functionName,
  inOrder,
  type MessageArea,
  type MessageRow,
  stateRows,
} from "./message.ts";
import { DEVICE_SILENT, LATER_FAULTS } from "./steps.ts";

/** Bits of VT-d's fault status register that report separate errors. */
const STATUS_ERRORS = [
  [0, "fault_overflow"],
  [4, "invalidation_queue_error"],
  [5, "invalidation_completion_error"],
  [6, "invalidation_timeout"],
  [7, "page_request_overflow"],
] as const;

/** The errors in VT-d's fault status register, except faults. VT-d specification 11.4.9.1. */
function statusErrors(status: number): readonly string[] {
  return STATUS_ERRORS.flatMap(([bit, name]) =>
    Math.floor(status / 2 ** bit) % 2 === 1 ? [name] : []
  );
}

const hasError = ({ errors }: LogEntryFacts, start: string) =>
  Array.isArray(errors) && errors.some((name) => String(name).startsWith(start));

/** Mask of the physical address in a page-table entry: bits 51 to 12. */
const ENTRY_ADDRESS = 0x000f_ffff_ffff_f000n;

const framesOf = (facts: LogEntryFacts) => {
  const [address, held, wanted] = ["address", "held", "wanted"].map((name) =>
    addressOf(facts, name)
  );
  if (address === null || held === null || wanted === null) return null;
  return { address: address!, held: held! & ENTRY_ADDRESS, wanted: wanted! & ENTRY_ADDRESS };
};

const PTE_ALREADY_SET: MessageRow = {
  kind: "pte_already_set",
  forms: [
    "PTE for vPFN {address=frame} already set (to {held} not {wanted})",
  ],
  derive: (facts) =>
    typeof facts.address === "string" ? { ...facts, address: `${facts.address}000` } : facts,
  condition: "A map found an entry of the last level that is not zero; the old entry stays",
  role: "report",
  finding: "mapped_over",
  means: (facts) =>
    `A map found the page-table entry of ${facts.address} set already: it holds ${facts.held}, the map wrote ${facts.wanted}`,
  causes: inOrder([
    {
      id: "identity_map",
      when: (facts) => {
        const frames = framesOf(facts);
        return frames !== null && frames.held === frames.address;
      },
      certainty: "likely",
      finding: "reserved_region",
      text: (facts) =>
        `the entry maps page ${facts.address} to itself: an identity map, as of a region that the firmware ` +
        "reserves (RMRR). The allocator of IOVAs did not keep the region free and gave its addresses to a driver",
      next: [
        "compare the address with the RMRR lines of the boot log (`DMAR: RMRR base`) and with /sys/kernel/iommu_groups/N/reserved_regions",
        "update the kernel: allocators of newer releases reserve these ranges; this is no skipped unmap of a driver",
      ],
    },
    {
      id: "same_map",
      when: (facts) => {
        const frames = framesOf(facts);
        return frames !== null && frames.held === frames.wanted;
      },
      certainty: "likely",
      text:
        "the entry already leads to the same memory: the same range was mapped twice at one IOVA, by a user of the IOMMU API or of VFIO",
      next: [
        "look for the second iommu_map() of the range, or for an iommu_unmap() that came after the new map",
      ],
    },
    {
      id: "overlap",
      certainty: "possible",
      text:
        "two users of one IOVA range: an unmap that was skipped or shorter than its map, two allocators for one " +
        "domain, or a page of the table that was freed while in use",
      next: [
        "look for an unmap of this IOVA that was skipped, or that had a shorter length: `dmalab trace check` with the dma and iommu events",
        "boot a kernel with CONFIG_DMA_API_DEBUG and dma_debug=on (dma_debug_driver=NAME for one driver): its report has the stack of the mapping",
      ],
    },
  ]),
};

const RECORDS: MessageRow[] = [
  {
    kind: "iommu_fault_status",
    forms: ["DRHD: handling fault status reg {status}", "handling fault status reg {status}"],
    derive: (facts) => {
      const status = Number(facts.status);
      return {
        ...facts,
        pending: (status & 2) !== 0,
        overflow: (status & 1) !== 0,
        record_index: (status >> 8) & 0xff,
        errors: statusErrors(status),
      };
    },
    condition:
      "At the fault interrupt, before the records are printed: the status register is not 0 (at most 10 lines in 5 s, with the faults)",
    role: "consequence",
    follows: ["iommu_fault", "invalidation_error"],
    means: "The IOMMU's fault status register at an interrupt, printed before the faults",
    causes: inOrder([
      {
        id: "invalidation",
        when: (facts) => hasError(facts, "invalidation"),
        certainty: "likely",
        text:
          "an invalidation was not completed: a device does not answer, or the queue of commands is wrong",
        next: [DEVICE_SILENT],
        finding: "invalidation_error",
      },
      {
        id: "overflow",
        when: ({ overflow }) => overflow === true,
        certainty: "likely",
        isOne: true,
        text:
          "faults were lost: they came faster than their records were read; those that are printed stand on lines of their own",
        next: [LATER_FAULTS],
      },
      {
        id: "pending",
        when: ({ pending }) => pending === true,
        certainty: "likely",
        isOne: true,
        text: "the faults themselves are on separate lines",
      },
      {
        id: "nothing_pending",
        certainty: "unknown",
        text: "the bits of the register name no fault: another interrupt has handled it",
      },
    ]),
  },
  {
    kind: "iommu_detail",
    forms: ["DMAR: DRHD: handling fault status{cut_text=cut_status}"],
    derive: ({ cut_text: _, ...facts }) => ({ ...facts, is_cut: true }),
    role: "report",
    means:
      "VT-d's interrupt of a fault: the line is cut before its status. The faults themselves are on lines of their own",
    next: [
      "give the whole line and those below it: they have the device, the address and the reason",
    ],
  },
  {
    kind: "invalidation_error",
    forms: [
      "IOMMU UNIT {iommu_unit=count} did not complete processing of a queued invalidation wait descriptor after {waited_seconds=count} secs{...}",
    ],
    always: { format: "vtd", system: "VMware ESXi" },
    derive: (facts, line) => ({ ...facts, names_erratum: /\berratum\b/i.test(line) }),
    condition:
      "VMware ESXi waited for the status that the unit writes at the end of a wait descriptor of its invalidation queue, for as long as the line says, and stops then",
    role: "report",
    finding: "invalidation_error",
    means: ({ iommu_unit, waited_seconds }) =>
      `VT-d unit ${iommu_unit} did not finish its queue of invalidations in ${waited_seconds} s. No mapping of a driver is the cause`,
    causes: inOrder([
      {
        id: "erratum",
        when: ({ names_erratum }) => names_erratum === true,
        certainty: "likely",
        text:
          "the line itself names it: a known erratum of the VT-d hardware, for which the firmware (BIOS) has a work-around",
        next: [
          "update the firmware (BIOS) of the server, and look in the vendor's notes for the erratum and for a setting that the work-around needs",
        ],
      },
      {
        id: "device",
        certainty: "possible",
        text:
          "a device does not answer an invalidation of its TLB (ATS), or the unit itself hangs; the line does not say which",
        next: [
          "update the firmware (BIOS) of the server, and look in vmkernel.log before the line for a device that was reset, removed or reported errors of PCI",
        ],
      },
    ]),
  },
  {
    kind: "invalidation_error",
    forms: [
      "VT-d detected Invalidation {error~Queue|Timeout|Time-out|Completion} Error: {~Reason|SID} {value}",
    ],
    always: { format: "vtd" },
    derive: (facts) => {
      const error = `invalidation_${String(facts.error).toLowerCase().replace("-", "")}`;
      const value = Number(facts.value);
      // The value of a time-out error is a requester id; it is 0 if the hardware records no
      // requester.
      const isSource = error !== "invalidation_queue" && value > 0 && value < 65536;
      return { ...facts, error, device: isSource ? functionName(value) : null };
    },
    more: [
      {
        form: "QI HEAD: {head_type} qw0 = {value}",
        add: ({ head_type }, facts) => ({ ...facts, ...queueFacts("head", head_type) }),
      },
      {
        form: "QI PRIOR: {prior_type} qw0 = {value}",
        add: ({ prior_type }, facts) => ({ ...facts, ...queueFacts("prior", prior_type) }),
      },
      {
        form: "Invalidation {~Queue|Time-out|Completion} Error ({~IQE|ITE|ICE}) cleared",
        add: (_, facts) => facts,
      },
    ],
    condition:
      "While a CPU waits for its command, the status register has the bit of an error of the invalidation queue",
    role: "report",
    finding: "invalidation_error",
    means:
      "The IOMMU or a device did not complete an invalidation command; no mapping of a driver is the cause",
    causes: inOrder([
      {
        id: "device_tlb",
        when: ({ head_type, prior_type }) => /Device-TLB/i.test(`${head_type} ${prior_type}`),
        certainty: "likely",
        text:
          "the command is a Device-TLB invalidation: a device with ATS did not answer. It hangs, is in a reset, was removed, or its ATS does not work",
        next: [
          DEVICE_SILENT,
          "if the device is known for it, switch its ATS off: pci=noats for all devices, or a quirk",
        ],
      },
      {
        id: "device_timeout",
        when: ({ error }) => error === "invalidation_timeout",
        certainty: "likely",
        isOne: true,
        text: ({ device }) =>
          `a device with ATS${
            typeof device === "string" ? ` (${device})` : ""
          } did not answer an invalidation of its TLB in time. Why is not in the line: it hangs, is in a reset or a low-power state, or was removed`,
        next: [DEVICE_SILENT, "switch ATS off to try: pci=noats"],
      },
      {
        id: "completion",
        when: ({ error }) => error === "invalidation_completion",
        certainty: "likely",
        isOne: true,
        text: ({ device }) =>
          `a device with ATS${
            typeof device === "string" ? ` (${device})` : ""
          } sent a completion of an invalidation that fits no command`,
        next: ["look for an erratum of the device, and switch its ATS off to try: pci=noats"],
      },
      {
        id: "queue",
        when: ({ error }) => error === "invalidation_queue",
        certainty: "possible",
        text:
          "the IOMMU could not fetch or decode a command of the queue: a wrong descriptor, or memory that it cannot read",
        next: [
          "look at the QI HEAD line: its type; then for an erratum of the IOMMU and for a newer kernel",
        ],
      },
      {
        id: "device",
        certainty: "possible",
        text: "a device hangs, is in a reset, was removed, or its ATS does not work",
        next: [DEVICE_SILENT],
      },
    ]),
  },
  {
    kind: "invalidation_error",
    forms: ["QI HEAD: {head_type} qw0 = {value}{...}"],
    always: { format: "vtd", error: "invalidation_queue_dump" },
    derive: (facts) => ({ ...facts, ...queueFacts("head", facts.head_type) }),
    more: [{
      form: "QI PRIOR: {prior_type} qw0 = {value}",
      add: ({ prior_type }, facts) => ({ ...facts, ...queueFacts("prior", prior_type) }),
    }],
    condition: "After each error of the invalidation queue",
    role: "consequence",
    follows: ["invalidation_error", "iommu_fault_status"],
    means:
      "The command at the head of VT-d's invalidation queue, as the kernel dumps it after an error",
    causes: inOrder([
      {
        id: "device_tlb",
        when: ({ head_type, prior_type }) => /Device-TLB/i.test(`${head_type} ${prior_type}`),
        certainty: "likely",
        text: "a Device-TLB invalidation waits: a device with ATS did not answer",
        next: [DEVICE_SILENT, "if the device is known for it, switch its ATS off: pci=noats"],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the line before it names the error",
        next: ["look at the line before it: it names the error"],
      },
    ]),
  },
  {
    kind: "invalidation_error",
    forms: ["QI PRIOR: {prior_type} qw0 = {value}{...}"],
    always: { format: "vtd", error: "invalidation_queue_dump" },
    derive: (facts) => ({ ...facts, ...queueFacts("prior", facts.prior_type) }),
    condition: "After each error of the invalidation queue",
    role: "consequence",
    follows: ["invalidation_error", "iommu_fault_status"],
    means:
      "The command before the head of VT-d's invalidation queue, as the kernel dumps it after an error",
    next: ["look at the line before it: it names the error"],
  },
  {
    kind: "invalidation_error",
    forms: [
      "DMAR{...}: {...}{~Device-TLB|IOTLB|device IOTLB|QI} {~flush timeout|invalidation timeout|timeout|flush  timeout}",
    ],
    always: { format: "vtd", error: "invalidation_timeout" },
    role: "report",
    finding: "invalidation_error",
    means: "An invalidation command was not completed in time",
    causes: [{
      id: "device",
      certainty: "possible",
      text: "a device with ATS hangs, is in a reset or was removed, or the IOMMU stands",
      next: [DEVICE_SILENT],
    }],
  },
  {
    kind: "invalidation_error",
    forms: ["Invalidation {~Queue|Time-out|Completion} Error ({~IQE|ITE|ICE}) cleared"],
    always: { format: "vtd", error: "cleared" },
    condition:
      "The kernel replaced the refused command, or sends the aborted ones again after a time-out",
    role: "consequence",
    follows: ["invalidation_error"],
    means: "The kernel cleared an error of VT-d's invalidation queue and goes on",
    next: ["look at the line before it: it names the error and the command"],
  },
  PTE_ALREADY_SET,
];

function queueFacts(which: "head" | "prior", type: unknown): LogEntryFacts {
  return { [`${which}_type`]: type === "UNKNOWN" ? null : String(type) };
}

const TABLES: MessageRow[] = [
  {
    kind: "iommu_error",
    forms: ["Invalidate non-aligned address {address}, order {order}"],
    always: { format: "vtd", error: "unaligned_invalidation" },
    condition:
      "The range of a device-TLB invalidation is not aligned to its size (limited in rate)",
    role: "report",
    means:
      "The kernel asked for an invalidation of a device's TLB whose address is not aligned to its size: a defect of the kernel, and not of a driver",
    next: ["report it with the release and the stack; try a newer kernel"],
  },
  {
    kind: "iommu_setup",
    forms: [
      "No firmware reserved region can cover this RMRR [{start}-{end}]{?, contact BIOS{...}?}",
    ],
    condition:
      "A region (RMRR) of the firmware's table does not lie in memory that its map reserves",
    role: "report",
    means: ({ end, start }) =>
      `The firmware's table names a region (RMRR ${start} to ${end}) that the firmware's memory map does not reserve. Since Linux 5.6 this is a warning, and the region is used`,
    next: ["a firmware update; `dmesg | grep -e DMAR -e IOMMU` shows what is on"],
  },
  {
    kind: "iommu_setup",
    forms: [
      "Your BIOS is broken; bad RMRR [{start}-{end}]",
      "Your BIOS is broken; DMAR reported at address zero",
    ],
    condition: "A check of a region (RMRR) of the firmware's table failed: it is used all the same",
    role: "report",
    means: ({ end, start }) =>
      typeof start === "string"
        ? `The firmware's table has a reserved region that makes no sense (RMRR ${start} to ${end}). The kernel uses it all the same`
        : "The firmware's table of the IOMMUs (DMAR) does not pass a check of the kernel",
    next: ["a firmware update; `dmesg | grep -e DMAR -e IOMMU` shows what is on"],
  },
  {
    kind: "state",
    forms: ["DMAR: Translation was enabled for {unit} but we are not in kdump mode"],
    condition: "At boot, a unit translates already: firmware or an earlier kernel left it on",
    role: "state",
    means:
      "Firmware or an earlier kernel had left the IOMMU on: the kernel switched it off, and on again with its own tables. Devices that were active may fault at that moment",
  },
  {
    kind: "iommu_error",
    forms: [
      "IOMMU: {unit}: {request_error~Page request without PASID|Page request in Privilege Mode|Execution request not supported}{...}",
    ],
    always: { format: "vtd", error: "page_request" },
    condition: "A page request of a device is of a kind that the kernel does not serve",
    role: "report",
    finding: "iommu_error",
    means: ({ request_error }) =>
      `A device's page request was answered with "invalid" (${request_error}). The line names the unit; the next one has the request`,
    next: [
      "look in the next line (Invalid page request) at the requester, and at what its driver binds: PASID, privileges, execute permission",
    ],
  },
  {
    kind: "iommu_error",
    forms: ["DMAR reported at address {value} returns all ones"],
    always: { format: "vtd", error: "no_registers" },
    condition: "The capability registers of a unit read as all ones",
    role: "report",
    finding: "iommu_error",
    means:
      "The firmware's table names an IOMMU whose registers read as all ones: translation stays off",
    next: ["a firmware update; until then intel_iommu=off"],
  },
  {
    kind: "iommu_error",
    forms: ["iommu width ({width}) is not sufficient for the mapped address ({address})"],
    always: { format: "vtd", error: "address_too_wide" },
    condition: "Address and size of a map lie above the width of the domain",
    role: "report",
    finding: "iommu_error",
    means: "The address has more bits than the IOMMU translates: the map failed",
    next: [
      "of a guest the memory or a window lies above the IOMMU's width: lower phys-bits of the guest, or the window of the BAR",
    ],
  },
  {
    kind: "iommu_error",
    forms: ["{device=pci_function}{...} ineligible for IOMMU domain attach due to platform RMRR"],
    always: { format: "vtd", error: "reserved_region" },
    role: "report",
    finding: "iommu_error",
    means:
      "The firmware keeps a region of this device mapped (RMRR): it cannot be given to a guest",
    next: [
      "look in the firmware's setup for what uses the device (USB legacy, management): switch it off",
    ],
  },
  {
    kind: "iommu_error",
    forms: [
      "DMAR hardware is malfunctioning",
      "DMAR: Flush IOTLB failed",
      "IOMMU setup failed, DMAR can not resume!",
    ],
    always: { format: "vtd", error: "not_answering" },
    condition: "A register operation of a unit did not finish (after 10 s the kernel stops)",
    role: "report",
    finding: "iommu_error",
    means: "The IOMMU did not carry out an operation of its registers in time: it does not answer",
    next: ["look at the power and the firmware of the machine; no driver of a device is concerned"],
  },
  {
    kind: "iommu_error",
    forms: ["{unit}: Invalid page request: {value} {value2=value}"],
    always: { format: "vtd", error: "page_request" },
    condition: "A page request of a device is malformed, or of an unknown requester",
    role: "report",
    finding: "iommu_error",
    means: "A device sent a page request that makes no sense: it was refused",
  },
  {
    kind: "iommu_error",
    forms: ["IOMMU: {unit}: Address is not canonical"],
    always: { format: "vtd", error: "page_request" },
    condition: "A page request of a device has an address that is not canonical",
    role: "report",
    finding: "iommu_error",
    means: "A device sent a page request for an address that no process can have: it was refused",
    next: ["compare the address that the driver gave the device with the process's mapping"],
  },
  {
    kind: "iommu_error",
    forms: ["IOMMU: {unit}: PRQ overflow {~detected|cleared}"],
    always: { format: "vtd", error: "queue_overflow", queue: "PRQ" },
    condition: "The queue of page requests was full; `cleared`: it is empty again",
    role: "consequence",
    follows: ["iommu_fault"],
    means: "Page requests were lost: the queue was full",
    next: ["fewer page requests in flight, or memory that is faulted in before the device uses it"],
  },
  {
    kind: "iommu_error",
    forms: [
      "Failed to get pasid entry of PASID {pasid=count}",
      "PASID table allocation failed",
      "Invalid stage-1 address width {width}",
      "DMAR: {function}: Unexpected {~context-cache|iotlb} invalidation type {value}",
      "DMAR: {unit}: No free domain ids",
      "DMAR: Allocating root entry for {unit} failed",
      "DMAR: Failed to map {unit}",
    ],
    always: { format: "vtd", error: "refused" },
    role: "report",
    means: "VT-d's driver refused a setting or had no room for it: attaching a device fails",
    next: [
      "look at the line before it and at the error that the attach returned; no map of the device succeeds until it is attached",
    ],
  },
  {
    kind: "iommu_detail",
    forms: [
      "DMAR: pte level: {count}, pte value: {pte}",
      "DMAR: page table not present at level {count}",
      "DMAR: Dump {unit} table entries for IOVA {address}",
      "DMAR: {~root table|context table|legacy mode page table|pasid directory table|pasid table|scalable mode page table} is not present",
      "DMAR: scalable mode root entry: hi {value}, low {value2=value}",
      "DMAR: {~root entry|pasid dir entry}: {value}",
      "DMAR: context entry: hi {value}, low {value2=value}",
      "DMAR: pasid table entry[{count}]: {value}",
    ],
    condition: "After a fault, with CONFIG_DMAR_DEBUG: the tables a moment after the access",
    role: "state",
    means:
      "A line of the table dump below a fault: it shows what the IOMMU has for the address (trace.T.45)",
  },
  {
    kind: "iommu_setup",
    forms: [
      "DMAR: RMRR entry for device {text} is broken - applying workaround",
      "DMAR: Device scope type does not match for {device}",
      "DMAR: Unable to map DMAR",
      "DMAR: Record passes table end",
      "DMAR: No handler for DMAR structure type {structure_type=count}",
      "DMAR: Invalid DMAR haw",
      "DMAR: No DRHD structure found in DMAR table",
      "DMAR: No IOMMU scope found for ANDD enumeration ID {enumeration_id=count} ({text})",
      "DMAR: Failed to find handle for ACPI object {text}",
      "DMAR: Failed to get device for ACPI object {text}",
      "DMAR: Can't validate DRHD address: {address}",
      "DMAR: Can't {~reserve memory|map the region}",
      "DMAR: Failed to allocate seq_id",
      "DMAR: Cannot get a valid{~| max} agaw for iommu (seq_id = {unit_number=count})",
      "DMAR: DRHD {value}: failed to enable fault, interrupt, ret {errno}",
      "DMAR: No DRHD structures in buffer returned by _DSM method",
      "DMAR: Failed to locate _DSM method",
      "DMAR: BIOS assigned incorrect VT-d unit for Intel(R) QuickData Technology device",
      "DMAR: {unit}: Failed to copy context table for bus {bus=count}",
      "DMAR: Failed to copy translation tables from previous kernel for {unit}",
      "DMAR: Recommended TLB entries for ISOCH unit is 16; your BIOS set {count}",
      "DMAR: {~Cannot find the assigned event for counter|The number of IOMMU counters} {count}",
      "{~DMAR|dmar}: Allocating domain for {text} failed",
      "DMAR: [Firmware Bug]: {rest}",
    ],
    role: "report",
    means:
      "VT-d was not set up as the firmware's table says: translation, its faults or a device's place in it may be missing",
    next: ["a firmware update; `dmesg | grep -e DMAR -e IOMMU` shows what is on"],
  },
  {
    kind: "iommu_setup",
    forms: [
      "DMAR-IR: Requested mask {value} exceeds the max invalidation handle mask value {value2=value}",
      "DMAR-IR: IR{count}: can't allocate an IRTE",
      "DMAR-IR: Failed to set source-id of {~IOAPIC|HPET block} ({block_number=count})",
      "DMAR-IR: IR{count}: failed to allocate {~1M of pages|bitmap}",
      "DMAR-IR: Failed to enable queued invalidation",
      "DMAR-IR: Failed to copy IR table for {unit} from previous kernel",
      "DMAR-IR: Exceeded Max {~HPET blocks|IO APICS}",
      "DMAR-IR: Failed to allocate IRTE",
      "DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks",
      "DMAR-IR: Not enabling interrupt remapping",
      "DMAR-IR: [Firmware Bug]: {rest}",
    ],
    role: "report",
    means:
      "Interrupt remapping was not set up: interrupts of devices may be refused; DMA is not concerned",
    next: ["a firmware update; if a device's interrupts stop, `intremap=off` only as a diagnosis"],
  },
  {
    kind: "iommu_setup",
    forms: ["This system BIOS has enabled interrupt remapping"],
    reachLines: 6,
    more: [{ form: "on a chipset that contains an erratum making that", add: (_, facts) => facts }],
    condition:
      "The firmware has switched interrupt remapping on, on a chipset with an erratum; the kernel switches it off",
    role: "report",
    means:
      "The firmware switched interrupt remapping on, on a chipset where it is unstable: the kernel switches it off. Translation for DMA is not concerned, and devices are given to guests only with allow_unsafe_interrupts",
    next: ["a firmware update that leaves interrupt remapping off"],
  },
  {
    kind: "state",
    forms: [
      "BIOS has allocated no shadow GTT",
      "{~Disabling|Skip} IOMMU for graphics on this chipset",
      "DMAR: Disable{~| integrated} {~GFX|GPU} device mapping",
    ],
    role: "state",
    means:
      "The kernel gives the graphics device no translation on this machine: a fault of 00:02.0 after this line means that an IOMMU translates it all the same",
  },
  {
    kind: "state",
    forms: ["DMAR: Skip IOMMU disabling for graphics"],
    role: "state",
    means:
      "A quirk by the number of the graphics device: where the kernel switches VT-d off, the unit of this device keeps translating. No error",
  },
  {
    kind: "state",
    forms: ["DMAR: No {~RMRR|ATSR|SATC} found"],
    role: "state",
    means: "The firmware's table has no entry of this kind. No error",
  },
  {
    kind: "state",
    forms: ["DMAR: No DMAR devices found"],
    role: "state",
    means: "The firmware's table has no unit of VT-d: VT-d translates nothing",
  },
  {
    kind: "state",
    forms: ["DMAR: IOMMU disabled"],
    role: "state",
    means: "The command line switches off that VT-d translates DMA (intel_iommu=off)",
  },
  {
    kind: "state",
    forms: ["DMAR: IOMMU feature {feature=word_text} inconsistent"],
    role: "state",
    means: ({ feature }) => `The units of VT-d do not all have the feature ${feature}. No error`,
  },
  {
    kind: "state",
    forms: [
      "DMAR: intel_iommu={text} deprecated; use {rest}",
      "DMAR: Scalable mode is disallowed",
      "DMAR: Any user opt or tboot/platform force_on will be ignored",
      "DMAR: IOMMU batching disallowed due to virtualization",
      "Disabling batched IOTLB flush on Ironlake",
      "DMAR-IR: Use 'intremap=no_x2apic_optout' to override the BIOS setting",
    ],
    role: "state",
    means:
      "The command line, the platform or a quirk decides how VT-d is used, as the line says. No error",
  },
  {
    kind: "state",
    forms: [
      "DMAR: Copied translation tables from previous kernel for {unit}",
      "DMAR-IR: Copied IR table for {unit} from previous kernel",
    ],
    role: "state",
    means:
      "This kernel was started by another one (kdump, kexec) and took over the tables of its unit. No error",
  },
  {
    kind: "state",
    forms: [
      "{~DMAR|IOMMU}: Setting identity map for device {device} [{start} - {end}]",
      "DMAR: Setting {~identity map|RMRR}",
      "DMAR: Prepare 0-16MiB unity mapping for LPC",
    ],
    role: "state",
    means:
      "Ranges that devices reach at their physical addresses (identity maps): regions of the firmware's table (RMRR), or the first 16 MiB for the LPC bridge. No error",
  },
  {
    kind: "state",
    forms: [
      "ACPI: DMAR {value}{...}",
      "ACPI: Reserving DMAR table memory at {...}",
    ],
    condition: "The firmware gives the kernel a table of Intel's IOMMUs (DMAR)",
    role: "state",
    means:
      "The firmware has a table of Intel's IOMMUs (DMAR): it announces VT-d. Whether the kernel translates with it say `DMAR: IOMMU enabled` and the groups",
  },
  ...stateRows([
    [
      "VT-d takes its newer mode (scalable mode) if the hardware has it",
      "DMAR: Enable scalable mode if hardware supports",
    ],
    [
      "The width of the addresses of memory that the firmware's table of IOMMUs gives",
      "DMAR: Host address width {width}",
    ],
    [
      "An IOMMU, a reserved region or another entry of the firmware's table",
      "DMAR: {~DRHD|RMRR|ATSR|RHSA|SATC} {~base|flags}: {value}{...}",
      "DMAR: ANDD device: {value} name: {text}",
      'DMAR: ACPI device "{text}" under DMAR at {value} as {text2=rest}',
    ],
    [
      "The registers of an IOMMU, its version and what it can do (cap, ecap)",
      "DMAR: {unit}: reg_base_addr {value} ver {...}cap {value2=value} ecap {value3=value}",
    ],
    [
      "The firmware asks for protection against DMA of external devices, and the kernel switches VT-d on for it",
      "DMAR: Intel-IOMMU force enabled due to platform opt in",
    ],
    ["VT-d was set up and is in use", "DMAR: Intel(R) Virtualization Technology for Directed I/O"],
    ["The command line asks for VT-d (intel_iommu=on)", "DMAR: IOMMU enabled"],
    [
      "The IOMMU takes its invalidations from a queue in memory",
      "DMAR: {unit}: Using Queued invalidation",
      "DMAR: dmar{count}: Using Queued invalidation",
    ],
    [
      "An interrupt controller or a timer whose interrupts an IOMMU remaps",
      "DMAR-IR: {~HPET|IOAPIC} id {count} under DRHD base {value}",
    ],
    ["Interrupt remapping is in use, or what it uses for it", "DMAR-IR: {~Enabled|Queued} {rest}"],
  ]),
];

export const VTD: MessageArea = {
  name: "Intel VT-d",
  page: "VT-d specification 7 and 11.4; rules/traces.md T.44 to T.48",
  words: ["DMAR", "dmar"],
  rows: [...RECORDS, ...TABLES],
};
