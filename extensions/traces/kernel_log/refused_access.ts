/** Extracts the refused access from a fault of any IOMMU. */
// Imported directly: the member's index would load every decoder.
import { formatSource, isAboutMappings, numberOf } from "@dmalab/runtime/fault_log";
import type { KernelLogEntry } from "./entry.ts";

export interface LoggedRefusal {
  /** The device's name as in a trace; null if the line does not name a device. */
  readonly device: string | null;
  /**
   * Null if the line has no address, or if the address has more bits than a number represents
   * exactly.
   */
  readonly address: number | null;
  readonly access: "read" | "write" | null;
  /** Whether the direction of the access is certain. */
  readonly isAccessCertain: boolean;
  /** Whether the fault is about a driver's mapping, or about a missing mapping, at an address. */
  readonly isAboutMappings: boolean;
  /** Whether the address is in the page of DMA_MAPPING_ERROR. */
  readonly isErrorValue: boolean;
  readonly reason: string | null;
}

/** Reasons of a fault that are about the entry of the device or the table itself. */
const NOT_OF_MAPPINGS: ReadonlySet<string> = new Set(["no_entry", "bad_entry", "table_error"]);
/** Start of the page that contains DMA_MAPPING_ERROR. */
const ERROR_PAGE = 0xffff_ffff_ffff_f000n;

/** Whether an entry is a fault: an access that an IOMMU or a bridge refused. */
export function isFault({ fault, row }: KernelLogEntry): boolean {
  return fault !== null || row?.role === "fault";
}

/** The access of a fault; null for an entry that is not a fault. */
export function refusedAccess(entry: KernelLogEntry): LoggedRefusal | null {
  const { facts, fault, row } = entry;
  if (fault !== null) {
    const { accessCertain, address, details, reason, source } = fault;
    return {
      device: source === null
        ? details.clientName
        : formatSource({ ...source, domain: source.domain ?? 0 }),
      address: address === null ? null : numberOf(address),
      access: fault.access,
      isAccessCertain: accessCertain,
      isAboutMappings: isAboutMappings(reason),
      isErrorValue: address !== null && address.high === 0xffffffff && address.low >= 0xfffff000,
      reason,
    };
  }
  if (row?.role !== "fault") return null;
  const { access, address, device, reason } = facts;
  const exact = typeof address === "string" && /^0x[0-9a-f]+$/.test(address)
    ? BigInt(address)
    : null;
  return {
    device: typeof device === "string" ? device : null,
    address: exact === null || exact > Number.MAX_SAFE_INTEGER ? null : Number(exact),
    access: access === "read" || access === "write" ? access : null,
    isAccessCertain: true,
    isAboutMappings: exact !== null && !NOT_OF_MAPPINGS.has(String(reason)),
    isErrorValue: exact !== null && exact >= ERROR_PAGE,
    reason: typeof reason === "string" ? reason : null,
  };
}
