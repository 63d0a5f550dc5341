/** The shapes of the captured kernel data (tests/golden/kernel/README.md), as far as they are used. */
import type { PhysAddr } from "@dmalab/runtime";
import type { BioVec } from "@dmalab/runtime/block";
import type { Json } from "../difference.ts";
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
  /** All that the queue could have, the one in use in brackets. */
  readonly scheduler: string;
  readonly write_cache: string;
}

export interface CaptureRequest {
  readonly op: string;
  readonly slba: number;
  readonly bytes: number;
  readonly source: string;
  readonly cmd_flags: number;
  readonly user_command: boolean;
  readonly nr_phys_segments: number;
  readonly nr_integrity_segments: number;
  readonly bios: readonly (readonly DataExtent[])[];
  readonly phys_gap_bit?: number;
  readonly segments?: readonly DataExtent[];
  /** Vectors of the first bio's metadata. */
  readonly integrity?: readonly DataExtent[];
  /** Metadata of a request of several bios or segments, after joining what touches. */
  readonly integrity_segments?: readonly DataExtent[];
  /** Of a refused request: the pieces walked until the refusal, data first. */
  readonly mapped_segments?: readonly DataExtent[];
  /** Equal for requests cut from, or submitted with, the same system call. */
  readonly group?: number;
  /** The system calls that are in the request, in their order. */
  readonly submissions?: readonly number[];
}

/** One captured call: its name, its arguments and results, and what happened inside. */
export interface CaptureCall {
  readonly call: string;
  readonly inner?: readonly { readonly op: string; readonly [field: string]: Json }[];
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
  /** 6.12: what the scatterlist was mapped to. */
  readonly sg?: { readonly mapped: readonly DataExtent[] };
  readonly unmap?: readonly CaptureCall[];
  readonly status?: number;
  readonly queue_status?: number;
  /** What the system call of a refused request failed with; null where there was none. */
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
  /** As sysfs calls what the device's group has; null where it is in none. */
  readonly iommu_domain_type: string | null;
  readonly reserved_iova_pfn_ranges?: readonly DataExtent[];
  readonly swiotlb_pool: readonly DataExtent[];
  /** Requests that the record lost. */
  readonly dropped?: number;
  readonly limits: CaptureLimits;
  readonly config: CaptureConfig;
  readonly kernel: string;
}

/** The number at the end of a case's id: requests with a lower number were mapped earlier. */
export function caseNumber(id: string): number {
  return Number(id.slice(id.lastIndexOf("/") + 1));
}

/** Memory as the captures write it, and as the block layer has it. */
export function extentOf({ phys, sizeBytes }: BioVec): DataExtent {
  return [phys, sizeBytes];
}

export function vecOf([phys, sizeBytes]: DataExtent): BioVec {
  return { phys: phys as PhysAddr, sizeBytes };
}
