/**
 * Messages of platforms on which a bridge or the firmware translates addresses: PowerPC TCE and
 * EEH, s390 zPCI, x86 GART.
 *
 * @see rules/traces.md T.71, T.74
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { bytesText, type MessageArea, named, numberOf, stateRows } from "./message.ts";

const IOVA_NEXT = [
  "look for mappings that are never unmapped: `dmalab trace check` with the dma events, or a count of live mappings that only grows",
  "map less at once: shorter queues, fewer buffers; or give the device a 64-bit mask, for which the platform has a larger or a direct window",
];

/** The registers of a bridge follow its line, one a line. */
const REGISTER_LINES = 96;
const MOST_REGISTERS = 8;

/** Adds an error register of a bridge that is not 0; other registers add nothing. */
function withRegister(facts: LogEntryFacts, name: string, value: unknown): LogEntryFacts {
  if (!/\b(?:FIR|ERR|ERROR)\b/.test(name) || typeof value !== "string") return facts;
  const known = Array.isArray(facts.error_registers) ? facts.error_registers.map(String) : [];
  if (/^0x0*$/.test(value) || known.length === MOST_REGISTERS) return facts;
  return { ...facts, error_registers: [...known, `${name} ${value}`] };
}

const pagesText = ({ pages }: LogEntryFacts) => `${pages} ${pages === 1 ? "page" : "pages"}`;

export const POWER: MessageArea = {
  name: "PowerPC: TCE, EEH",
  page: "rules/traces.md T.71, T.74",
  words: ["EEH:", "TCE", "iommu_alloc", "iommu_free"],
  rows: [
    ...stateRows([
      [
        "What the bridge of a PowerPC machine set up for the devices of a PE: a window of bus addresses with a TCE table, which devices with a narrow DMA mask use",
        "pci {...}: [PE# {pe=bracket_text}] Setting up 32-bit TCE table at {...}",
        "pci {...}: [PE# {pe=bracket_text}] Setting up window#{...}",
        "pci {...}: [PE# {pe=bracket_text}] Assign DMA32 space{...}",
        "pci {...}: [PE# {pe=bracket_text}] DMA weight {...}",
        "PCI: Domain {...} has {count} available 32-bit DMA segments",
      ],
      [
        "Devices of the PE with a DMA mask of 64 bits reach memory directly, without a TCE: an address that was not mapped is not refused for them",
        "pci {...}: [PE# {pe=bracket_text}] Enabling 64-bit DMA bypass{...}",
        "{driver} {device}: {~Using 64-bit DMA iommu bypass|iommu: 64-bit OK, using direct DMA|iommu: 64-bit OK but direct DMA is limited}{...}",
      ],
      [
        "Recovery of PCI errors (EEH) is on, with its settings",
        "EEH: {~PCI Enhanced I/O Error Handling Enabled|pSeries platform initialized|PowerNV platform initialized|Capable adapter found}{...}",
      ],
    ]),
    {
      kind: "iova_full",
      forms: [
        "{driver} {device}: iommu_alloc failed, tbl {table} vaddr {virt} npages {pages}",
        "iommu_alloc failed, tbl {table} vaddr {virt} npages {pages=hex_count}",
      ],
      always: { platform: "powerpc" },
      role: "report",
      finding: "iova_full",
      means: (facts) =>
        `The TCE table had no room for ${pagesText(facts)}: the map of ${
          named(facts, "device")
        } failed`,
      causes: [{
        id: "full",
        certainty: "likely",
        text:
          "the device's window of DMA addresses has no such piece free: too many live mappings, mappings that are never unmapped, or pieces",
        next: IOVA_NEXT,
      }],
    },
    {
      kind: "iova_full",
      forms: ["TCE table is full; freeing"],
      always: { platform: "powerpc" },
      role: "report",
      finding: "iova_full",
      means: "The table of DMA addresses that a kdump kernel took over is full",
      next: ["reboot without kdump's table: the driver of the crashed kernel left these mappings"],
    },
    {
      kind: "unmap_warning",
      forms: ["iommu_free: invalid entry"],
      always: { platform: "powerpc" },
      role: "report",
      finding: "unmap_unknown",
      means: "A driver unmapped a DMA address that lies outside the table",
    },
    {
      kind: "state",
      forms: ["iommu: 64-bit OK but direct DMA is limited by {limit_address}"],
      role: "state",
      means: "A device uses a direct window up to this address, and a mapped one above it",
    },
    {
      kind: "state",
      forms: [
        "{driver} {device}: Using {bits=width}-bit direct DMA at offset {address}",
        "ibm,{~query|create}-pe-dma-window{...} returned {count}",
      ],
      role: "state",
      means:
        "A device got a direct window: its DMA addresses are memory addresses plus this offset",
    },
    {
      kind: "bridge_error",
      forms: [
        "EEH: Frozen {pe} detected",
        "EEH: Frozen PE#{pe} on PHB#{bridge} detected",
        "EEH: PHB#{pe} failure detected{...}",
        "EEH: Detected PCI bus error on {pe}",
        "EEH: Detected error on {pe}",
        "EEH: Recovering {pe}",
        "EEH: Fenced {pe} detected",
      ],
      always: { platform: "powerpc" },
      role: "fault",
      means:
        "The bridge froze a device: its DMA is blocked and its registers read as all ones, after an error such as DMA to an address without a TCE",
      next: [
        "the lines below have the error's registers; of a DMA error record a trace of the driver's mappings",
      ],
    },
    {
      kind: "bridge_error",
      forms: ["PHB#{bridge=phb}: PHB Freeze/Fence detected{...}"],
      more: [{
        form: "PHB#{same_bridge=phb}: {register=words_text}{~=| = }{value=address}",
        add: ({ register, same_bridge, value }, facts) =>
          same_bridge !== facts.bridge ? null : withRegister(facts, String(register), value),
      }],
      reachLines: REGISTER_LINES,
      always: { platform: "powerpc", program: "OPAL" },
      condition: "The firmware (OPAL) found that a host bridge stopped after an error",
      role: "fault",
      means: ({ bridge, error_registers }) =>
        `The firmware (OPAL) says that the host bridge PHB#${bridge} stopped after an error (freeze or fence): until it is recovered, DMA of the devices behind it is blocked, and their registers read as all ones. ${
          Array.isArray(error_registers)
            ? "The error registers that are not 0 are listed; their bits are not decoded"
            : "The line does not say which error it was"
        }`,
      next: [
        "look in the kernel's log of the same second for `EEH:`, which names the device and says whether it was recovered, and for a driver's line before it",
        "if it happens while nothing does DMA (at a start, or at a reset of a slot), look at the card, the slot and the firmware's version; under load, record a trace of the driver's mappings: DMA to an address without a TCE freezes a bridge, too",
      ],
    },
    {
      kind: "recovery",
      forms: [
        "EEH: Unrecoverable slot failure on {pe}",
        "EEH: Failure {errno} resetting {pe} (attempt {attempt})",
        "EEH: {pe}: Slot inactive after reset: {value} (attempt {attempt})",
        "{function}: Failure {errno} enabling DMA on {pe}",
        "{function}: {~Unable to|Cannot} reset, err={errno}",
        "EEH: Passed-through PE {pe} was thawed by reset, re-freezing for safety",
        "EEH: Event dropped due to no_recover setting",
        "EEH: {driver} has failed {count} times in the last hour and has been permanently disabled",
      ],
      always: { platform: "powerpc" },
      role: "consequence",
      follows: ["bridge_error"],
      means: "A frozen device was not recovered: what it had in flight never completes",
      next: [
        "look at the registers of the first EEH line: the error before the recovery is the cause; remove and add the device, or reset the machine",
      ],
    },
    {
      kind: "recovery",
      forms: [
        "EEH: {pe}: Successful reset (attempt {attempt})",
        "EEH: Reset {~with|without} hotplug activity",
        "EEH: Notify device {~drivers|driver}{...}",
        "EEH: PE location: {rest}",
        "EEH: {text}: Invoking {rest}",
        "EEH: {text}: driver reports: {rest}",
        "EEH: {~Collect|Beginning:|Finished:} {rest}",
        "EEH: This PCI device has failed {count} times in the last hour{...}",
      ],
      always: { platform: "powerpc" },
      role: "consequence",
      follows: ["bridge_error"],
      means: "A frozen device was reset: what it had in flight never completes",
      next: ["look at the first EEH line for the cause: the reset does not remove it"],
    },
  ],
};

export const S390: MessageArea = {
  name: "s390 zPCI",
  page: "rules/traces.md T.71",
  words: ["zpci"],
  rows: [
    {
      kind: "bridge_error",
      forms: [
        "zpci: {device}: Event {event_code} reports an error for PCI function {function_id=value}",
        "{device}: Event {event_code} reports an error for PCI function {function_id=value}",
      ],
      always: { platform: "s390" },
      role: "fault",
      means: ({ event_code }) =>
        `The machine reports error event 0x${
          Number(event_code).toString(16)
        } of a PCI function: its DMA and its registers are blocked until it is recovered`,
      next: [
        "an error of a DMA access is among these events: record a trace of the driver's mappings, and look at /sys/kernel/debug/s390dbf/pci_error",
      ],
    },
    {
      kind: "recovery",
      forms: [
        "{device}: Maximum number ({max}) of pending error events queued",
        "zpci: Unhandled PCI error events count={count} for PCI function {function_id=value}",
      ],
      always: { platform: "s390" },
      role: "consequence",
      follows: ["bridge_error"],
      means: "Error events of a PCI function passed to a guest were not handled",
      next: ["look at the guest: whether it handles the error events of the function"],
    },
    {
      kind: "recovery",
      forms: [
        "zpci: {device}: {~Unblocking device access failed|Unblocking DMA failed|The reset request failed|Automatic recovery failed}{...}",
      ],
      always: { platform: "s390" },
      role: "consequence",
      follows: ["bridge_error"],
      means: ({ device }) =>
        `The recovery of ${device} after an error event failed: what was in flight never completes, and the function is not usable until an operator recovers it`,
      next: [
        "recover the function by hand: `echo 1 > /sys/bus/pci/devices/FUNCTION/recover`, or take it off and on (/sys/bus/pci/slots/*/power); look at the first error event of the function for the cause: `dmesg | grep zpci`",
      ],
    },
    {
      kind: "recovery",
      forms: [
        "zpci: {device}: {~Unblocking device access for examination|Initiating reset|The device is ready to resume operations}",
      ],
      always: { platform: "s390" },
      role: "consequence",
      follows: ["bridge_error"],
      means: "A step of the recovery after an error event: what was in flight never completes",
      next: ["look at the first error event of the function for the cause: `dmesg | grep zpci`"],
    },
    {
      kind: "iommu_setup",
      forms: [
        "zpci: Failed to allocate DMA range map for {device}",
        "zpci: Adding PCI function {function_id=value} failed because the configured limit of {max} is reached",
        "Invalid IOMMU table ({value})",
      ],
      always: { platform: "s390" },
      role: "report",
      means: "A PCI function was not set up for DMA",
      next: [
        "compare the number of functions with the limit (pci=), and look for a lack of memory in the same seconds",
      ],
    },
  ],
};

export const GART: MessageArea = {
  name: "x86 GART",
  page: "rules/traces.md T.74",
  words: ["PCI-DMA:", "AGP:", "GART"],
  rows: [
    {
      kind: "iova_full",
      forms: [
        "{driver} {device}: PCI-DMA: Out of IOMMU space for {size_bytes} bytes",
        "PCI-DMA: Out of IOMMU space for {size_bytes} bytes{? at device {device}?}",
        "dma_map_area overflow {size_bytes} bytes",
        "dma_map_sg: overflow on {pages} pages",
      ],
      always: { platform: "gart" },
      condition: "The aperture of the GART has no free piece of this length: the map fails",
      role: "report",
      finding: "iova_full",
      means: (facts) =>
        Number.isNaN(numberOf(facts, "size_bytes"))
          ? `The GART had no room for ${pagesText(facts)}: the map failed`
          : `The GART had no room for ${bytesText(numberOf(facts, "size_bytes"))}: the map failed`,
      causes: [{
        id: "full",
        certainty: "likely",
        text:
          "too many live mappings for the aperture, mappings that are never unmapped, or pieces",
        next: [
          "enlarge the aperture: in the firmware's setup, or iommu=memaper=3",
          ...IOVA_NEXT,
        ],
      }],
    },
    {
      kind: "iommu_setup",
      forms: [
        "PCI-DMA: Warning: Small IOMMU {mib}MB. Consider increasing the AGP aperture in BIOS",
        "PCI-DMA: More than 4GB of RAM and no IOMMU",
        "Could not set GART PTEs to uncacheable pages",
      ],
      role: "report",
      means: "The GART has no room, or is missing: 32-bit devices use bounce buffers",
      next: ["enlarge the aperture in the firmware's setup, or with iommu=memaper=3"],
    },
    {
      kind: "state",
      forms: [
        "PCI-DMA: {~Restoring GART aperture settings|Resuming GART IOMMU|Disabling AGP}",
        "PCI-DMA: aperture base @ {address} size {kib} KB",
        "PCI-DMA: Reserving {mib}MB of IOMMU area in the AGP aperture",
        "PCI-DMA: Using {~GART|Calgary} {rest}",
        "AGP: Mapping aperture over RAM [mem {start}-{end}] ({kib}KB)",
      ],
      role: "state",
      means: "The aperture that the GART translates",
    },
  ],
};
