/**
 * Event records of the Arm SMMUv3.
 *
 * Numbers, names and the fields of each record are those of the Arm System Memory Management Unit
 * Architecture Specification, SMMUv3 (IHI 0070), 7.3 (Event records); the explanations are ours.
 */
import type { DeviceAccess } from "../iommu/iommu.ts";
import type { LoggedReason, ReasonEntry } from "./logged_fault.ts";

export interface SmmuEvent {
  readonly number: number;
  readonly name: string;
  readonly section: string;
  /** Whether the record contains the input address and the bits that describe the access. */
  readonly hasAddress: boolean;
  /** Whether the record also contains the class of the access: those of a walk of the tables do. */
  readonly hasClass: boolean;
}

/** What a record contains beside its stream: nothing, the address and the access, or the class, too. */
type Contents = "stream" | "address" | "class";

/** `[number, name, section, contents]`. */
const EVENTS: readonly (readonly [number, string, string, Contents])[] = [
  [0x01, "F_UUT", "7.3.2", "address"],
  [0x02, "C_BAD_STREAMID", "7.3.3", "stream"],
  [0x03, "F_STE_FETCH", "7.3.4", "stream"],
  [0x04, "C_BAD_STE", "7.3.5", "stream"],
  [0x05, "F_BAD_ATS_TREQ", "7.3.6", "stream"],
  [0x06, "F_STREAM_DISABLED", "7.3.7", "stream"],
  [0x07, "F_TRANSL_FORBIDDEN", "7.3.8", "address"],
  [0x08, "C_BAD_SUBSTREAMID", "7.3.9", "stream"],
  [0x09, "F_CD_FETCH", "7.3.10", "stream"],
  [0x0a, "C_BAD_CD", "7.3.11", "stream"],
  [0x0b, "F_WALK_EABT", "7.3.12", "class"],
  [0x10, "F_TRANSLATION", "7.3.13", "class"],
  [0x11, "F_ADDR_SIZE", "7.3.14", "class"],
  [0x12, "F_ACCESS", "7.3.15", "class"],
  [0x13, "F_PERMISSION", "7.3.16", "class"],
  [0x20, "F_TLB_CONFLICT", "7.3.17", "address"],
  [0x21, "F_CFG_CONFLICT", "7.3.18", "stream"],
  [0x24, "E_PAGE_REQUEST", "7.3.19", "stream"],
  [0x25, "F_VMS_FETCH", "7.3.20", "stream"],
];

/** An event with a number for which the kernel has no name. */
export function unnamedSmmuEvent(number: number): SmmuEvent {
  return { number, name: "UNKNOWN", section: "7.3", hasAddress: false, hasClass: false };
}

export function smmuEvent(wanted: number | string): SmmuEvent | null {
  const found = EVENTS.find(([number, name]) => number === wanted || name === wanted);
  if (found === undefined) return null;
  const [number, name, section, contents] = found;
  const hasClass = contents === "class";
  return { number, name, section, hasAddress: contents !== "stream", hasClass };
}

export function smmuReason(
  event: SmmuEvent,
  access: DeviceAccess | null,
  isInstruction: boolean,
): ReasonEntry {
  const entry = (reason: LoggedReason, name: string, means: string) => ({ reason, name, means });
  switch (event.name) {
    case "UNKNOWN":
      return entry(
        "unknown",
        "event without a name",
        "The kernel does not know this event; section 7.3 of the specification has the numbers",
      );
    case "F_TRANSLATION":
      return entry(
        "not_present",
        "no translation",
        "Nothing is mapped at the address: it was never mapped, or was unmapped before the access; an " +
          "address with more bits than are translated ends here too",
      );
    case "F_PERMISSION":
      return noPermission(access, isInstruction);
    case "F_ADDR_SIZE":
      return entry(
        "address_width",
        "address too wide",
        "A table points to an address with more bits than the system has, as a damaged entry " +
          "does; where nothing is translated, the device's own address has too many",
      );
    case "F_ACCESS":
      return entry(
        "other",
        "access flag clear",
        "The page is mapped, but its access flag is clear, and nothing sets it: " +
          "a matter of the page table, not of the driver's mapping",
      );
    case "F_WALK_EABT":
      return entry(
        "fetch_failed",
        "page table not readable",
        "An entry of an upper level points to a missing table: tables freed while still in " +
          "use, or memory overwritten",
      );
    case "F_STE_FETCH":
    case "F_CD_FETCH":
    case "F_VMS_FETCH":
      return entry(
        "fetch_failed",
        "configuration not readable",
        "The SMMU could not read the context descriptor of the device",
      );
    case "C_BAD_STREAMID":
      return entry(
        "no_entry",
        "stream unknown",
        "The stream table has no entry for the device: firmware describes its requester id " +
          "wrong or not at all, or the device uses the id of another",
      );
    case "C_BAD_SUBSTREAMID":
      return entry(
        "no_entry",
        "substream unknown",
        "The access carries a PASID that is not set up for the device, or is not any more",
      );
    case "F_STREAM_DISABLED":
      return entry(
        "no_entry",
        "stream disabled",
        "The device is set up for accesses with a PASID only, and this one has none",
      );
    case "C_BAD_STE":
    case "C_BAD_CD":
      return entry(
        "bad_entry",
        "configuration invalid",
        "The device's configuration contradicts itself or the hardware's capabilities; no " +
          "mapping of the driver is the cause",
      );
    case "F_BAD_ATS_TREQ":
    case "F_TRANSL_FORBIDDEN":
      return entry(
        "ats_refused",
        "ATS not allowed",
        "The device asked for a translation, or sent an address it had translated itself, and " +
          "is not allowed to",
      );
    case "F_TLB_CONFLICT":
    case "F_CFG_CONFLICT":
      return entry(
        "other",
        "conflict in a TLB or configuration cache",
        "The SMMU caches two entries for one input: an entry changed without an invalidation",
      );
    case "E_PAGE_REQUEST":
      return entry(
        "other",
        "page request",
        "A page request of the device; not an error by itself",
      );
  }
  return entry(
    "other",
    "unsupported transaction",
    "The device sent a transaction that the system does not know",
  );
}

/** The fault reason when a mapped page does not permit the access, for any SMMU. */
export function noPermission(access: DeviceAccess | null, isInstruction: boolean): ReasonEntry {
  const reason = isInstruction || access === null
    ? "not_allowed"
    : access === "read"
    ? "not_readable"
    : "not_writable";
  return {
    reason,
    name: `no ${isInstruction ? "execute" : access ?? "access"} permission`,
    means:
      "The page is mapped, but not for this access: wrong direction of the map, or the end of " +
      "a mapping next to one of another direction",
  };
}
