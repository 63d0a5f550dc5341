/** Test vectors for other builders of NVMe commands: docs/vectors.md is their description. */
import type { KernelProfile } from "@dmalab/runtime/kernels";

/** `[first byte, bytes]` */
export type Range = readonly [address: number, sizeBytes: number];
/** `[first byte for the device, first byte of memory, bytes]` */
export type Translation = readonly [dma: number, phys: number, sizeBytes: number];
/** `[type byte, address, bytes]` */
export type Descriptor = readonly [type: number, address: number, sizeBytes: number];

export interface VectorFile {
  readonly format: "dmalab-vectors";
  readonly version: 1;
  readonly seed: number;
  readonly vectors: readonly Vector[];
}

/** One read or write as it is submitted, and what must become of it. */
export interface Vector {
  /** From 1, in the order of the file. */
  readonly id: number;
  /** Its subject, in a few words. */
  readonly about: string;
  readonly kernel: KernelProfile;
  readonly iommu: "off" | "passthrough" | "strict" | "lazy";
  readonly controller: VectorController;
  readonly limits: VectorLimits;
  readonly op: "read" | "write";
  /** First logical block. */
  readonly lba: number;
  /** The memory, in order. */
  readonly segments: readonly Range[];
  /** How all of it ends, by the block layer's name. */
  readonly status: string;
  /** The requests that it is cut into, in order; those before a refusal are sent. */
  readonly requests: readonly VectorRequest[];
}

export interface VectorController {
  readonly sgl: boolean;
  /** Average segment from which the driver prefers SGLs; 0: never. */
  readonly sgl_threshold_bytes: number;
  readonly block_bytes: number;
  /** Largest transfer of one command; null: no limit. */
  readonly mdts_bytes: number | null;
}

/** The queue's, as the release derives them. Sectors have 512 bytes. */
export interface VectorLimits {
  readonly max_hw_sectors: number;
  readonly max_sectors: number;
  readonly max_segments: number;
  readonly max_segment_bytes: number;
  readonly segment_boundary_mask: number;
  readonly virt_boundary_mask: number;
  readonly dma_alignment_mask: number;
}

export interface VectorRequest {
  readonly lba: number;
  readonly bytes: number;
  readonly status: string;
  /** As the block layer counted them. */
  readonly segments: number;
  /** Lowest bit of an address at which two segments do not meet on a page, from 1; 0: none. */
  readonly gap_bit: number;
  /** The ranges from the mapping calls, in order: the input of a builder. */
  readonly mapped: readonly Range[];
  /** The one IOVA range, or null. */
  readonly iova: Range | null;
  /** Memory behind what was mapped, in the order of the addresses. */
  readonly translations: readonly Translation[];
  /** Where the descriptor lists lie, in the order in which they were taken: also given. */
  readonly lists: readonly number[];
  readonly command: VectorCommand;
}

export type VectorCommand =
  | {
    readonly format: "prp";
    readonly prp1: number;
    readonly prp2: number;
    /** The entries of each list; the last of one that is followed by another leads there. */
    readonly entries: readonly (readonly number[])[];
  }
  | {
    readonly format: "sgl";
    /** The descriptor in the command. */
    readonly sgl: Descriptor;
    /** Those of the list that it leads to; empty where it is a data block itself. */
    readonly entries: readonly Descriptor[];
  };
