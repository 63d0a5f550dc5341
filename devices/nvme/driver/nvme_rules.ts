/**
 * How releases differ in the NVMe driver, as strategies chosen once when a driver is built.
 *
 * @see rules/nvme.md 6 and rules/defects.md
 */
import { BLK_STS, type BlkStatus, type Bytes } from "@dmalab/runtime";
import { SCATTER_TABLE_ENTRIES } from "@dmalab/runtime/dma";
import type { Kernel } from "@dmalab/runtime/kernels";
import type { Iod } from "./request.ts";
import { CTRL_PAGE_BYTES, MAX_SEGMENTS, SMALL_DESCRIPTOR_BYTES } from "./protocol.ts";

export interface NvmeRules {
  /** Most data segments of a request: what a page of SGL descriptors holds, or a list's table. */
  readonly maxSegments: number;
  /** The boundary on which segments must meet although the controller takes SGLs; 0 is none. */
  readonly sglVirtBoundaryMask: number;
  /** A request of as many segments is mapped by one call, without the iterator; -1 for none. */
  readonly segmentsMappedAlone: number;
  /** How much of a coalesced range is destroyed when building the command fails half way. */
  failedRangeBytes(iod: Iod, payloadBytes: Bytes): Bytes;
  /** A bad-request exit writes the PRP fields, so that the lists are freed by their own address. */
  readonly badRequestWritesPrps: boolean;
  /** Metadata through the plain pointer is mapped as far as its first vector only. */
  readonly mapsFirstMetadataVecOnly: boolean;
  /** A mapping that could not be saved is undone whenever that happens, not only for the first. */
  readonly undoesUnsavedMapping: boolean;
  /** The first mapping is undone when there is no array to save it in, or no list to describe it. */
  readonly undoesFirstMapping: boolean;
  /** Mappings are saved as they are made; else what to unmap is worked out from the PRPs. */
  readonly savesMappings: boolean;
  /** One IOVA range is saved too, in an array that its unmap never reads. */
  readonly savesRanges: boolean;
  /** Bus addresses are saved too, in an array that their unmap never looks at. */
  readonly savesBusAddresses: boolean;
  /** An array is allocated whenever one is first needed, not only at a request's first mapping. */
  readonly savesFromAnyMapping: boolean;
  /** A range that could not be linked as a whole is left to the unmap of the whole request. */
  readonly unmapsFailedRanges: boolean;
  /** The unmap of SGLs takes the list for the command's descriptor, and that for the list. */
  readonly swapsSglArguments: boolean;
  /** What a block of small lists is aligned to. */
  readonly smallListAlignBytes: Bytes;
  /** A PRP page that is exactly full is followed by another, as if more were to come. */
  readonly chainsFullPage: boolean;
  /** The list goes on in a further page where one is full; else beyond the end of the only one. */
  readonly chainsPages: boolean;
  /** What a request ends with whose list has peer memory that the device cannot reach. */
  readonly peerRefused: BlkStatus;
}

const totalBytes: NvmeRules["failedRangeBytes"] = (iod) => iod.totalBytes;
const payloadBytes: NvmeRules["failedRangeBytes"] = (_iod, bytes) => bytes;

/** The strategies of a release with these defects. */
export function nvmeRules({ strategies: { nvme }, quirks }: Kernel): NvmeRules {
  const usesLists = nvme.mapsDataWith === "scatterlist";
  return {
    maxSegments: usesLists ? SCATTER_TABLE_ENTRIES : MAX_SEGMENTS,
    sglVirtBoundaryMask: nvme.keepsVirtBoundaryWithSgl ? CTRL_PAGE_BYTES - 1 : 0,
    segmentsMappedAlone: quirks.has("single_segment_by_iterator") ? -1 : 1,
    failedRangeBytes: quirks.has("partial_destroy_on_list_failure") ? totalBytes : payloadBytes,
    badRequestWritesPrps: !quirks.has("list_returned_with_stale_address"),
    mapsFirstMetadataVecOnly: quirks.has("mptr_first_vector_only"),
    undoesUnsavedMapping: !quirks.has("bounce_slot_lost_on_array_failure"),
    undoesFirstMapping: !quirks.has("first_mapping_leaked"),
    savesMappings: !quirks.has("unmap_rebuilt_from_prps"),
    savesRanges: quirks.has("vectors_allocated_for_iova"),
    savesBusAddresses: quirks.has("vectors_leaked_p2p"),
    savesFromAnyMapping: !quirks.has("need_unmap_flip_null_list"),
    unmapsFailedRanges: quirks.has("half_linked_on_error"),
    swapsSglArguments: quirks.has("sgl_unmap_args_swapped"),
    smallListAlignBytes: quirks.has("prp_pool_aligned_512") ? 512 : SMALL_DESCRIPTOR_BYTES,
    chainsFullPage: quirks.has("prp_full_page_chained"),
    chainsPages: !quirks.has("prp_single_page"),
    peerRefused: quirks.has("p2p_design_2021") ? BLK_STS.P2PDMA : BLK_STS.TARGET,
  };
}
