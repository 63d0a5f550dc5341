/**
 * Fault reasons of Intel VT-d.
 *
 * The numbers and their meanings are those of the VT-d architecture specification, appendix A
 * (Fault Reason Encodings) and 7.1.3; the explanations are ours. Numbers of scalable mode that are
 * not in the table get the explanation of their group.
 */
import type { DeviceAccess } from "../iommu/iommu.ts";
import type { LoggedReason, ReasonEntry, TableDump } from "./logged_fault.ts";

const NO_PRESENT_BIT =
  "Entries of these tables have no present bit: a page that was never mapped, one that was " +
  "unmapped too early, and one mapped for the other direction all give this fault";

const DUMP_ABSENT = "Nothing was mapped at the address when the kernel printed its page table, a " +
  "little after the fault: it was never mapped, or was unmapped before the access";
const DUMP_MAPPED =
  "The page is mapped, but for the other direction: the kernel's dump of the page table " +
  "shows its entry. The direction of the map is wrong, or the device made a wrong access";
const DUMP_ALLOWED =
  "The kernel's dump of the page table, a little after the fault, shows an entry " +
  "that allows the access: it was mapped in between, or the IOMMU used an older cached entry";

const SETUP = "The device's table entry is damaged or contradicts the hardware's " +
  "capabilities; no mapping of the driver is the cause";
const PASID_UNKNOWN = "The address space of the access is not set up: a PASID that was " +
  "never bound or is unbound already, or, without a PASID, a device without a domain";
const MODE = "The device uses PASIDs while the IOMMU is set up without them; no mapping of the " +
  "driver is the cause";
const ATS_OFF = "The device sent a translation or page request that its entry does not allow";
const PRIVILEGE = "The page or the address space does not allow this privilege, or instruction " +
  "fetches: the direction of the map is not the cause";
const TOO_WIDE = "The device sent an address with more bits than are translated: the error value " +
  "of a failed map, a virtual address, or a descriptor with a damaged upper half";
const NESTED =
  "The second stage, which a hypervisor sets up, does not allow what the walk of the " +
  "first stage needs";
const MAPPED_OTHERWISE =
  "First-stage tables have a present bit: the page is mapped, but for the other " +
  "direction: the direction of the map is wrong, or the device made a wrong access";
const INTERRUPT_RANGE = "The device sent a memory access to the interrupt address range";
const TABLE_LOST = "The page table itself is damaged: freed while still in use, or overwritten";

/** `denied`: the number covers both directions, and the access says which one was denied. */
type Row = readonly [code: number, reason: LoggedReason | "denied", name: string, means: string];

const REASONS: readonly Row[] = [
  [
    0x01,
    "no_entry",
    "root entry not present",
    "The IOMMU knows no device on that bus. Usually a device that firmware left running, or " +
    "one that does DMA before a driver is bound",
  ],
  [
    0x02,
    "no_entry",
    "context entry not present",
    "The IOMMU knows the bus but not this function. Usually a device that uses the " +
    "requester id of another, or one without a bound driver",
  ],
  [
    0x03,
    "bad_entry",
    "context entry invalid",
    "The entry that the kernel wrote for the device contradicts the hardware's capabilities; no mapping " +
    "of the driver is the cause",
  ],
  [
    0x04,
    "address_width",
    "address beyond the translated width",
    "The device sent an address with more bits than the IOMMU translates: the error value " +
    "of a failed map, a virtual address, or a descriptor with a damaged upper half",
  ],
  [0x05, "not_writable", "no write permission", NO_PRESENT_BIT],
  [0x06, "not_readable", "no read permission", NO_PRESENT_BIT],
  [
    0x07,
    "fetch_failed",
    "next table not readable",
    "An entry of an upper level points to a missing table: tables freed while still in " +
    "use, or memory overwritten",
  ],
  [
    0x08,
    "fetch_failed",
    "root table not readable",
    "The address of the root table is wrong: an error of the kernel or the firmware",
  ],
  [
    0x09,
    "fetch_failed",
    "context table not readable",
    "The root entry points to no context table: tables overwritten or freed",
  ],
  [
    0x0a,
    "bad_entry",
    "reserved bits in root entry",
    "The root entry has bits set that must be zero: often memory overwritten by DMA " +
    "from before the IOMMU was on",
  ],
  [
    0x0b,
    "bad_entry",
    "reserved bits in context entry",
    "The context entry has bits set that must be zero",
  ],
  [
    0x0c,
    "bad_entry",
    "reserved bits in page-table entry",
    "A page-table entry has bits that this hardware does not know, such as a large page " +
    "or snooping it cannot do, or a table that was overwritten",
  ],
  [
    0x0d,
    "ats_refused",
    "translation request blocked",
    "The device asked for a translation, or sent an address it had translated itself, and " +
    "is not allowed to: its ATS is on while the IOMMU's entry says it is off",
  ],
  [
    0x20,
    "interrupt_refused",
    "reserved bits in interrupt request",
    "The device wrote an interrupt message with undefined bits set",
  ],
  [
    0x21,
    "interrupt_refused",
    "interrupt index beyond the table",
    "The message names an entry that the table does not have: its address or data is not " +
    "what the kernel programmed",
  ],
  [
    0x22,
    "interrupt_refused",
    "interrupt entry not present",
    "The message names an entry that was never set up, or that was freed: an interrupt " +
    "that comes after its vector was freed",
  ],
  [
    0x23,
    "interrupt_refused",
    "interrupt table not readable",
    "The IOMMU could not read its interrupt table",
  ],
  [
    0x24,
    "interrupt_refused",
    "reserved bits in interrupt entry",
    "The interrupt entry has bits set that must be zero",
  ],
  [
    0x25,
    "interrupt_refused",
    "compatibility format blocked",
    "The device sent an interrupt message that is not in remappable format: the message it " +
    "keeps was not written by the kernel, or was lost in a reset",
  ],
  [
    0x26,
    "interrupt_refused",
    "source of interrupt not verified",
    "The requester id of the message is not that of its entry: a bridge " +
    "or a second function in between",
  ],
  [0x30, "bad_entry", "root table address invalid", SETUP],
  [0x31, "bad_entry", "PASID while in legacy mode", MODE],
  [0x32, "bad_entry", "page request while in legacy mode", MODE],
  [0x38, "fetch_failed", "root entry not readable", SETUP],
  [
    0x39,
    "no_entry",
    "root entry not present",
    "The IOMMU knows no device on that bus, or on that half of it",
  ],
  [0x3a, "bad_entry", "reserved bits in root entry", SETUP],
  [0x40, "fetch_failed", "context entry not readable", SETUP],
  [
    0x41,
    "no_entry",
    "context entry not present",
    "The IOMMU does not know this function: no driver is bound, it was unbound, or the " +
    "device uses the requester id of another",
  ],
  [0x42, "bad_entry", "reserved bits in context entry", SETUP],
  [0x43, "bad_entry", "context entry invalid", SETUP],
  [0x44, "ats_refused", "device TLB is off in context entry", ATS_OFF],
  [0x45, "no_entry", "PASIDs are off in context entry", PASID_UNKNOWN],
  [0x46, "no_entry", "PASID larger than context entry allows", PASID_UNKNOWN],
  [0x47, "ats_refused", "page requests are off in context entry", ATS_OFF],
  [0x48, "bad_entry", "PASID for requests without one invalid", SETUP],
  [0x50, "fetch_failed", "PASID directory not readable", SETUP],
  [0x51, "no_entry", "PASID directory entry not present", PASID_UNKNOWN],
  [0x52, "bad_entry", "reserved bits in PASID directory entry", SETUP],
  [0x58, "fetch_failed", "PASID table entry not readable", SETUP],
  [0x59, "no_entry", "PASID table entry not present", PASID_UNKNOWN],
  [0x5a, "bad_entry", "reserved bits in PASID table entry", SETUP],
  [0x5b, "bad_entry", "PASID table entry invalid", SETUP],
  [0x5c, "not_allowed", "execute requests are off in PASID table entry", PRIVILEGE],
  [0x5d, "not_allowed", "supervisor requests are off in PASID table entry", PRIVILEGE],
  [0x70, "fetch_failed", "first-stage entry not readable", TABLE_LOST],
  [
    0x71,
    "not_present",
    "first-stage entry not present",
    "Nothing is mapped at the address: it was never mapped, or was unmapped before the access",
  ],
  [0x72, "bad_entry", "reserved bits in first-stage entry", TABLE_LOST],
  [0x73, "fetch_failed", "top of first-stage table not readable", TABLE_LOST],
  [0x74, "address_width", "first-stage entry beyond the translated width", TOO_WIDE],
  [0x75, "fetch_failed", "second stage forbids reading the first-stage top", NESTED],
  [0x76, "not_readable", "second stage forbids reading a first-stage entry", NESTED],
  [0x77, "not_writable", "second stage forbids writing a first-stage entry", NESTED],
  [0x78, "fetch_failed", "second-stage entry not readable", TABLE_LOST],
  [0x79, "denied", "no permission in second-stage entry", NO_PRESENT_BIT],
  [0x7a, "bad_entry", "reserved bits in second-stage entry", TABLE_LOST],
  [0x7b, "fetch_failed", "second-stage table pointer invalid", TABLE_LOST],
  [0x7c, "bad_entry", "second-stage entry must be marked, but is not snooped", SETUP],
  [0x80, "address_width", "address not canonical", TOO_WIDE],
  [0x81, "not_allowed", "page allows supervisor access only", PRIVILEGE],
  [0x82, "not_allowed", "no execute permission", PRIVILEGE],
  [0x83, "address_width", "address beyond the hardware's width", TOO_WIDE],
  [0x84, "address_width", "address beyond the second stage's width", TOO_WIDE],
  [0x85, "not_writable", "no write permission", MAPPED_OTHERWISE],
  [0x86, "not_readable", "no read permission", MAPPED_OTHERWISE],
  [0x87, "other", "access to the interrupt address range", INTERRUPT_RANGE],
  [0x90, "bad_entry", "first-stage entry must be marked, but is not snooped", SETUP],
];

/**
 * The meaning of a fault reason when the kernel has dumped the page table after it. The dump
 * decides between the meanings that the number alone allows.
 *
 * @see rules/traces.md T.45
 */
export function dumpedReason(
  found: ReasonEntry,
  dump: TableDump,
  access: DeviceAccess | null,
): ReasonEntry {
  if (found.means !== NO_PRESENT_BIT) return found;
  const allowed = access === "read" ? dump.read : dump.write;
  const means = !dump.present ? DUMP_ABSENT : allowed ? DUMP_ALLOWED : DUMP_MAPPED;
  return { ...found, means };
}

/** The meaning of a fault reason. @see rules/traces.md T.46 */
export function vtdReason(code: number, access: DeviceAccess | null): ReasonEntry {
  const found = REASONS.find(([number]) => number === code);
  if (found === undefined) {
    return {
      reason: code >= 0x20 && code < 0x30 ? "interrupt_refused" : "unknown",
      name: `reason 0x${code.toString(16).padStart(2, "0")}, ${groupOf(code)}`,
      means: "This number is unknown to dmalab; see appendix A of the specification",
    };
  }
  const [, reason, name, means] = found;
  if (reason !== "denied") return { reason, name, means };
  const denied = access === "read" ? "not_readable" : "not_writable";
  return { reason: access === null ? "not_allowed" : denied, name, means };
}

/**
 * The group of an unknown number, from its position in the table. First-stage tables need no group,
 * because all their numbers are known.
 */
function groupOf(code: number): string {
  if (code < 0x20) return "DMA remapping";
  if (code < 0x30) return "interrupt remapping";
  if (code < 0x40) return "scalable mode, root table";
  if (code < 0x50) return "scalable mode, context entry";
  if (code < 0x58) return "scalable mode, PASID directory";
  if (code < 0x60) return "scalable mode, PASID table";
  if (code >= 0x78 && code < 0x80) return "scalable mode, second-stage table";
  return "scalable mode";
}
