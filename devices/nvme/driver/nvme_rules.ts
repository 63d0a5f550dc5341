/**
 * How releases differ in the NVMe driver, as strategies chosen once when a driver is built.
 *
 * @see behaviour/nvme.md 6 and behaviour/defects.md
 */
import type { Bytes } from "../../../runtime/address.ts";
import { SCATTER_TABLE_ENTRIES } from "../../../runtime/dma/scatterlist.ts";
import type { Iod } from "./iod.ts";
import { CTRL_PAGE_BYTES, MAX_SEGMENTS } from "./protocol.ts";

export interface NvmeRules {
  /** Most data segments of a request: what a page of SGL descriptors holds, or a list's table. */
  readonly maxSegments: number;
  /** The boundary on which segments must meet although the controller takes SGLs; 0 is none. */
  readonly sglVirtBoundaryMask: number;
  /** How much of a coalesced range is destroyed when building the command fails half way. */
  failedRangeBytes(iod: Iod, payloadBytes: Bytes): Bytes;
  /** A bad-request exit writes the PRP fields, so that the lists go back under their own address. */
  readonly badRequestWritesPrps: boolean;
  /** Metadata through the plain pointer is mapped as far as its first vector only. */
  readonly mapsFirstMetadataVecOnly: boolean;
  /** A mapping that could not be saved is undone whenever that happens, not only for the first. */
  readonly undoesUnsavedMapping: boolean;
}

/** The strategies of a release with these defects. */
export function nvmeRules(kernel: string, quirks: ReadonlySet<string>): NvmeRules {
  const usesLists = kernel === "6.12";
  return {
    maxSegments: usesLists ? SCATTER_TABLE_ENTRIES : MAX_SEGMENTS,
    sglVirtBoundaryMask: usesLists ? CTRL_PAGE_BYTES - 1 : 0,
    failedRangeBytes: quirks.has("partial_destroy_on_list_failure")
      ? (iod) => iod.totalBytes
      : (_iod, payloadBytes) => payloadBytes,
    badRequestWritesPrps: !quirks.has("list_returned_with_stale_address"),
    mapsFirstMetadataVecOnly: quirks.has("mptr_first_vector_only"),
    undoesUnsavedMapping: !quirks.has("bounce_slot_lost_on_array_failure"),
  };
}
