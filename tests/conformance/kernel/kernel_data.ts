/** The types of the captured kernel data (tests/golden/kernel/README.md), as far as they are used. */
import type { BioVec, PhysAddr } from "@dmalab/runtime";
import type { InnerLine } from "../inner_record.ts";
import type { Difference, Json } from "../difference.ts";
import type { CaptureConfig } from "./capture_config.ts";

/** `[physical address, length]`, or a device address and a length. */
export type DataExtent = readonly [number, number];

export interface CaptureLimits {
  readonly dma_alignment: number;
  readonly logical_block_size: number;
  readonly max_hw_sectors_kb: number;
  readonly max_integrity_segments: number;
  readonly max_sectors_kb: number;
  readonly max_segment_size: number;
  readonly max_segments: number;
  readonly virt_boundary_mask: number;
  readonly nomerges: number;
  readonly nr_requests: number;
  /** All schedulers of the queue, the active one in brackets. */
  readonly scheduler: string;
  readonly write_cache: string;
}

export interface CaptureRequest {
  readonly op: string;
  /** Missing for a request that never had a command. */
  readonly slba?: number;
  readonly bytes: number;
  readonly source: string;
  readonly cmd_flags: number;
  readonly user_command: boolean;
  readonly nr_phys_segments: number;
  readonly nr_integrity_segments: number;
  readonly bios: readonly (readonly DataExtent[])[];
  /** Null on a release without gap bits. */
  readonly phys_gap_bit?: number | null;
  readonly segments?: readonly DataExtent[];
  /** Vectors of the first bio's metadata. */
  readonly integrity?: readonly DataExtent[];
  /** Metadata of a request of several bios or segments, with adjacent parts joined. */
  readonly integrity_segments?: readonly DataExtent[];
  /** For a refused request: the pieces that were mapped until the refusal, data first. */
  readonly mapped_segments?: readonly DataExtent[];
  /**
   * Equal for requests of one system call: requests into which the call was split, and requests
   * that were submitted together with the call.
   */
  readonly group?: number;
  /** Numbers of the system calls with data in the request, in order. */
  readonly submissions?: readonly number[];
}

/** A captured call: its name, its arguments and results, and the operations inside it. */
export interface CaptureCall {
  readonly call: string;
  readonly inner?: readonly InnerLine[];
  readonly [field: string]: Json | undefined;
}

export interface CaptureCommand {
  readonly opcode: number;
  readonly cid: number;
  readonly [field: string]: Json;
}

export interface CaptureCase {
  readonly id: string;
  readonly kernel: string;
  readonly config: CaptureConfig;
  readonly limits: CaptureLimits;
  readonly request: CaptureRequest;
  readonly map: readonly CaptureCall[];
  readonly command: CaptureCommand | null;
  /** 7.2. */
  readonly iter?: Json;
  /** 6.12: the mapped addresses of the scatterlist. */
  readonly sg?: { readonly mapped: readonly DataExtent[] };
  readonly unmap?: readonly CaptureCall[];
  readonly status?: number;
  readonly queue_status?: number;
  /** The error of a refused request's system call; null without one. */
  readonly user_errno?: number | null;
  readonly device?: { readonly sqid: number; readonly accesses: readonly DataExtent[] };
}

/** An event of a history file; the first item names it. */
export type HistoryEvent = readonly [string, ...(string | number)[]];

export interface CaptureHistory {
  readonly id_prefix: string;
  readonly events: readonly HistoryEvent[];
}

export interface CaptureEnvironment {
  /** The type of the device's group in sysfs; null without a group. */
  readonly iommu_domain_type: string | null;
  readonly reserved_iova_pfn_ranges?: readonly DataExtent[];
  readonly swiotlb_pool: readonly DataExtent[];
  /** Device address and physical address of the page to which devices write for interrupts. */
  readonly doorbell?: DataExtent;
  /** Number of requests that the record lost. */
  readonly dropped?: number;
  readonly limits: CaptureLimits;
  readonly config: CaptureConfig;
  readonly kernel: string;
}

/**
 * The number at the end of a case's id. Requests are numbered in the order in which they were
 * mapped.
 */
export function caseNumber(id: string): number {
  return Number(id.slice(id.lastIndexOf("/") + 1));
}

/** Converts memory from the block layer's form to that of the captures. */
export function extentOf({ phys, sizeBytes }: BioVec): DataExtent {
  return [phys, sizeBytes];
}

export function vecOf([phys, sizeBytes]: DataExtent): BioVec {
  return { phys: phys as PhysAddr, sizeBytes };
}

/**
 * The rule in `docs/rules/` about the part of a case that differs.
 * @returns Page and number, or null if no rule is known.
 */
export function ruleOf(difference: Difference | null): string | null {
  if (difference === null) return null;
  return RULES.find(([pattern]) => pattern.test(difference.path))?.[1] ?? null;
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/inner.*(iova|source|limit_pfn)/, "dma.4.3"],
  [/inner.*(start|end)/, "dma.5.2"],
  [/inner.*(tlb|orig)/, "dma.6.2"],
  [/^map/, "nvme.2.1"],
  [/^iter/, "block.2.3"],
  [/^segments/, "block.2.1"],
  [/^command.*(prp|sqe)/, "nvme.2.3"],
  [/^command/, "nvme.2.4"],
  [/^unmap/, "nvme.2.6"],
  [/^queue_status/, "block.2.3"],
];

/**
 * Which lines a record contains: facts about its probes, not results.
 * @see tests/golden/kernel/README.md
 */
export interface Probes {
  /**
   * Whether the record has lines of freed ranges: of queued ranges, and in a history also of all
   * other freed ranges.
   */
  readonly releases: boolean;
  readonly flushes: boolean;
  /**
   * Whether the lines of a call contain the address and length that the iterator's next call
   * returned. If not, these two fields are 0.
   */
  readonly nextResults: boolean;
  /**
   * Whether a reservation of IOVAs that fails is a call. Kernels that are built without mapping by an IOMMU
   * do not have the function: its callers have its result, false, in its place.
   */
  readonly failedReservations: boolean;
}

/**
 * The probes of a run. The probes of 6.1 and 6.12 (and of a run with `parked_recorded: false`) did
 * not record queued ranges. The probes of 6.18 read the iterator's fields at the offsets of other
 * releases.
 */
export function probesOf({ config, kernel }: CaptureEnvironment): Probes {
  return {
    releases: config.parked_recorded !== false && !kernel.startsWith("6.12.") &&
      !kernel.startsWith("6.1."),
    flushes: config.flushes_recorded !== false,
    nextResults: !kernel.startsWith("6.18."),
    failedReservations: config.architecture !== "riscv64",
  };
}
