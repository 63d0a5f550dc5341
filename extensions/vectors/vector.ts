/** Test vectors for other builders of NVMe commands; docs/vectors.md describes them. */
import type { KernelProfile } from "@dmalab/runtime/kernels";

/** `[first byte, bytes]` */
export type Range = readonly [address: number, sizeBytes: number];
/** `[address for the device, address in memory, size in bytes]` */
export type Translation = readonly [dma: number, phys: number, sizeBytes: number];
/** `[type byte, address, bytes]` */
export type Descriptor = readonly [type: number, address: number, sizeBytes: number];

export interface VectorFile {
  readonly format: "dmalab-vectors";
  readonly version: 1;
  readonly seed: number;
  readonly vectors: readonly Vector[];
}

/** One read or write as it is submitted, and its expected result. */
export interface Vector {
  /** The vector's number, counted from 1 in the order of the file. */
  readonly id: number;
  /** A description in a few words. */
  readonly about: string;
  readonly kernel: KernelProfile;
  readonly iommu: "off" | "passthrough" | "strict" | "lazy";
  readonly controller: VectorController;
  readonly limits: VectorLimits;
  readonly op: "read" | "write";
  /** First logical block. */
  readonly lba: number;
  /** The ranges of memory, in order. */
  readonly segments: readonly Range[];
  /** The final status of the whole read or write, by the block layer's name. */
  readonly status: string;
  /**
   * The requests into which the input is split, in order. If a request is refused, the requests before
   * it are still sent.
   */
  readonly requests: readonly VectorRequest[];
}

export interface VectorController {
  readonly sgl: boolean;
  /**
   * The driver prefers SGLs if the average size of a request's segments is at least this value; 0:
   * never.
   */
  readonly sgl_threshold_bytes: number;
  readonly block_bytes: number;
  /** Largest transfer of one command; null: no limit. */
  readonly mdts_bytes: number | null;
}

/** The limits of the queue, as the release derives them. A sector has 512 bytes. */
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
  /** The number of segments that the block layer counted. */
  readonly segments: number;
  /**
   * The lowest set bit of the addresses at which two segments meet inside a page, counted from 1; 0
   * if all segments meet at page boundaries.
   */
  readonly gap_bit: number;
  /** The ranges from the mapping calls, in order: the input of a builder. */
  readonly mapped: readonly Range[];
  /** The single range of IOVAs, or null. */
  readonly iova: Range | null;
  /** The memory that the mapped addresses lead to, in the order of the addresses. */
  readonly translations: readonly Translation[];
  /**
   * The addresses of the descriptor lists, in the order of their allocation: another input of a
   * builder.
   */
  readonly lists: readonly number[];
  readonly command: VectorCommand;
}

export type VectorCommand =
  | {
    readonly format: "prp";
    readonly prp1: number;
    readonly prp2: number;
    /** The entries of each list; if another list follows, the last entry is its address. */
    readonly entries: readonly (readonly number[])[];
  }
  | {
    readonly format: "sgl";
    /** The descriptor in the command. */
    readonly sgl: Descriptor;
    /**
     * The descriptors of the list to which the descriptor leads; empty if the descriptor is a data
     * block itself.
     */
    readonly entries: readonly Descriptor[];
  };
