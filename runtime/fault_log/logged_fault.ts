/** The contents of a fault line of a kernel log, from any IOMMU. */
import type { DeviceAccess } from "../iommu/iommu.ts";
import type { Word64 } from "./word64.ts";

/** IOMMU type of a line: Intel VT-d, AMD, Arm SMMUv3, SMMUv1 and SMMUv2, or virtio-iommu. */
export type FaultLogFormat = "vtd" | "amd" | "arm" | "arm_v2" | "virtio";

/** The hardware's reason for a fault, in one vocabulary for all IOMMUs. */
export type LoggedReason =
  /** No translation for the address. */
  | "not_present"
  /** No permission to read at the address. */
  | "not_readable"
  /** No permission to write at the address. */
  | "not_writable"
  /**
   * A permission other than read or write is missing: to execute, or to access the page as a
   * supervisor.
   */
  | "not_allowed"
  /** More address bits than are translated. */
  | "address_width"
  /** The entry of the device, or of its address space, does not exist. */
  | "no_entry"
  /** An entry exists but is invalid: reserved bits, contradictions. */
  | "bad_entry"
  /** The IOMMU could not read its own tables. */
  | "fetch_failed"
  /** A translation request of the device (ATS) was rejected. */
  | "ats_refused"
  /** An interrupt was rejected. */
  | "interrupt_refused"
  /** A command of the driver to the IOMMU failed. */
  | "command_failed"
  /** Anything else that has a name in the specification. */
  | "other"
  /** A number that is not in the tables here. */
  | "unknown";

/** Reasons that concern an address and a driver's mapping at it, or a missing mapping. */
const ABOUT_MAPPINGS: ReadonlySet<LoggedReason> = new Set<LoggedReason>([
  "not_present",
  "not_readable",
  "not_writable",
  "not_allowed",
  "address_width",
]);

export function isAboutMappings(reason: LoggedReason): boolean {
  return ABOUT_MAPPINGS.has(reason);
}

/** The sender of the transaction. */
export interface LoggedSource {
  /** PCI domain, null where the line has none. */
  readonly domain: number | null;
  /** Bus in bits 15 to 8, device in 7 to 3, function in 2 to 0. */
  readonly requesterId: number;
}

/** A specification's entry for a code. */
export interface ReasonEntry {
  readonly reason: LoggedReason;
  /** The code's name in the specification, or a few words. */
  readonly name: string;
  /** The code's usual cause in a driver. */
  readonly means: string;
}

/**
 * The page-table entry of the address at the time when the kernel printed it, a little after the
 * fault.
 *
 * @see rules/traces.md T.45
 */
export interface TableDump {
  /** The last entry of the walk. */
  readonly leaf: Word64;
  readonly present: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** Physical address to which the entry leads; null when the entry is not present. */
  readonly phys: Word64 | null;
}

/** Fields that only some records have; null in all others. */
export interface FaultDetails {
  /** Index in the interrupt table that a refused interrupt named. */
  readonly interruptIndex: number | null;
  /** Address of the structure that an SMMUv3 itself could not read. */
  readonly fetchAddress: Word64 | null;
  /** Context bank of SMMUv1 and SMMUv2. */
  readonly contextBank: number | null;
  /** Tag of a page request that AMD's IOMMU refused. */
  readonly tag: number | null;
  /** AMD's device table entry as the log dumps it: four times 16 hex digits. */
  readonly deviceTableEntry: readonly string[] | null;
  /** The record's 32-bit words, where the kernel has no name for the event. */
  readonly words: readonly number[] | null;
  /** The kernel's name of the source, if it is not a PCI function, as `15000000.gpu`. */
  readonly clientName: string | null;
  readonly dump: TableDump | null;
}

export const NO_DETAILS: FaultDetails = {
  interruptIndex: null,
  fetchAddress: null,
  contextBank: null,
  tag: null,
  deviceTableEntry: null,
  words: null,
  clientName: null,
  dump: null,
};

export interface LoggedFault extends ReasonEntry {
  readonly format: FaultLogFormat;
  /** The kind of record: `DMA`, `INTR-REMAP`, `IO_PAGE_FAULT`, `F_TRANSLATION` …. */
  readonly event: string;
  /**
   * Fault reason of VT-d, flags of AMD, event number of SMMUv3, fault status of SMMUv1 and SMMUv2;
   * null if the line omits it.
   */
  readonly code: number | null;
  /** Null where the line names no source. */
  readonly source: LoggedSource | null;
  /** The SMMU's number for the source. */
  readonly streamId: number | null;
  /** Read or write; null where the record has no direction. */
  readonly access: DeviceAccess | null;
  /** False where the specification leaves the direction bit undefined for this kind of record. */
  readonly accessCertain: boolean;
  /** Null where the record has no address. */
  readonly address: Word64 | null;
  /** The unit of the address: VT-d records only the page. */
  readonly addressUnitBytes: 1 | 4096;
  /** AMD's number of the address space. */
  readonly domainId: number | null;
  readonly pasid: number | null;
  /** Bits of the record that are set, by the specification's names. */
  readonly flags: readonly string[];
  readonly details: FaultDetails;
  /** The section of the specification. */
  readonly spec: string;
}

/** Defaults of a fault: each parser adds the fields of its lines. */
export const UNTOLD = {
  source: null,
  streamId: null,
  access: null,
  accessCertain: true,
  address: null,
  addressUnitBytes: 1,
  domainId: null,
  pasid: null,
  flags: [],
  details: NO_DETAILS,
} as const satisfies Partial<LoggedFault>;

/** Why a line could not be read. */
export interface FaultLogProblem {
  /** The mistake in the line, as a sentence without a final period. */
  readonly message: string;
  /** Offset in the text, from 0; the text's length when something is missing at the end. */
  readonly offset: number;
}

export type DecodedFaultLog =
  | { readonly ok: true; readonly fault: LoggedFault }
  | { readonly ok: false; readonly problem: FaultLogProblem };
