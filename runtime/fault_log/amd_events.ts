/**
 * Event log entries of the AMD IOMMU.
 *
 * Names, flags and the conditions for flags are those of the AMD I/O Virtualization Technology
 * (IOMMU) Specification (48882), 2.5 (Event Logging); the explanations are ours.
 */
import type { DeviceAccess } from "../iommu/iommu.ts";
import type { LoggedReason, ReasonEntry } from "./logged_fault.ts";

/**
 * Flags of IO_PAGE_FAULT from bit 0 upwards, as the kernel prints them. They are bits 63 to 48 of the
 * entry's first half, without the event code.
 */
export const PAGE_FAULT_FLAGS = ["GN", "NX", "US", "I", "PR", "RW", "PE", "RZ", "TR"] as const;

function entry(reason: LoggedReason, name: string, means: string): ReasonEntry {
  return { reason, name, means };
}

/** The reason of a page fault, by the set flags. */
export function pageFaultReason(flags: ReadonlySet<string>, access: DeviceAccess): ReasonEntry {
  if (flags.has("I")) {
    return entry(
      "interrupt_refused",
      flags.has("PR") ? "interrupt not allowed" : "interrupt entry not present",
      "The device wrote an interrupt message for which the interrupt table has no entry, or one " +
        "that forbids it",
    );
  }
  if (!flags.has("PR")) {
    return entry(
      "not_present",
      "page not present",
      "Nothing is mapped at the address: it was never mapped, or was unmapped before the access",
    );
  }
  if (flags.has("RZ")) {
    return entry(
      "bad_entry",
      "reserved bits or level",
      "The page table itself is damaged: freed while still in use, or overwritten",
    );
  }
  if (flags.has("PE")) {
    return entry(
      flags.has("NX") ? "not_allowed" : access === "read" ? "not_readable" : "not_writable",
      `no ${access} permission`,
      "The page is mapped, but not for this access: wrong direction of the map, or the end of a " +
        "mapping next to one of another direction",
    );
  }
  return entry(
    "other",
    "present and permitted",
    "By this record the page was present and allowed the access; a translation request of " +
      "the device itself can end like this",
  );
}

/** The meanings of all entries except IO_PAGE_FAULT. */
export const AMD_EVENTS = {
  ILLEGAL_DEV_TABLE_ENTRY: entry(
    "bad_entry",
    "device table entry illegal",
    "The device's table entry, written by the kernel or firmware, contradicts the hardware's capabilities; " +
      "no mapping of the driver is the cause",
  ),
  DEV_TAB_HARDWARE_ERROR: entry(
    "fetch_failed",
    "device table not readable",
    "The IOMMU could not read its device table: wrong address, or failing memory",
  ),
  PAGE_TAB_HARDWARE_ERROR: entry(
    "fetch_failed",
    "page table not readable",
    "An entry of an upper level points to a missing table: tables freed while still in " +
      "use, or memory overwritten",
  ),
  ILLEGAL_COMMAND_ERROR: entry(
    "command_failed",
    "illegal command",
    "The IOMMU found an invalid command in its command buffer",
  ),
  COMMAND_HARDWARE_ERROR: entry(
    "command_failed",
    "command buffer not readable",
    "The IOMMU could not read its command buffer",
  ),
  IOTLB_INV_TIMEOUT: entry(
    "command_failed",
    "device TLB did not answer",
    "The IOMMU sent the device an ATS invalidation, and the device did not complete it in " +
      "time: it hangs, is in a reset, was removed, or its ATS does not work",
  ),
  INVALID_DEVICE_REQUEST: entry(
    "other",
    "request not allowed",
    "The device sent a request that its entry does not allow, such as an access to the address range of " +
      "interrupts, or an address that claims to be translated",
  ),
  INVALID_PPR_REQUEST: entry(
    "ats_refused",
    "page request not allowed",
    "The device sent a page request without permission",
  ),
  RMP_HW_ERROR: entry(
    "fetch_failed",
    "ownership table not readable",
    "The IOMMU could not read the table that says which guest owns a page of memory",
  ),
  RMP_PAGE_FAULT: entry(
    "not_allowed",
    "page has another owner",
    "The page belongs to a memory-encrypted guest, or to another guest than the device is " +
      "assigned to: a buffer that was not shared before it was mapped",
  ),
} as const satisfies Readonly<Record<string, ReasonEntry>>;

export type AmdEventName = "IO_PAGE_FAULT" | keyof typeof AMD_EVENTS;

export function isAmdEvent(name: string): name is AmdEventName {
  return name === "IO_PAGE_FAULT" || Object.hasOwn(AMD_EVENTS, name);
}

/** The driver's text for a fault of a device without an attached domain. */
export const NOT_ATTACHED: ReasonEntry = entry(
  "no_entry",
  "device not attached to a domain",
  "The device is attached to no domain: no driver is bound, it was unbound, or the " +
    "device uses the requester id of another",
);

/** An event that the kernel has no name for. */
export const UNNAMED: ReasonEntry = entry(
  "unknown",
  "event without a name",
  "The kernel does not know this event; the words of the record are in the line",
);
