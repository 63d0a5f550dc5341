/**
 * How releases differ in the NVMe driver, as strategies chosen once when a driver is built.
 *
 * @see behaviour/defects.md
 */
import type { Bytes } from "../../../runtime/address.ts";
import type { Iod } from "./iod.ts";

export interface NvmeRules {
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
export function nvmeRules(quirks: ReadonlySet<string>): NvmeRules {
  return {
    failedRangeBytes: quirks.has("partial_destroy_on_list_failure")
      ? (iod) => iod.totalBytes
      : (_iod, payloadBytes) => payloadBytes,
    badRequestWritesPrps: !quirks.has("list_returned_with_stale_address"),
    mapsFirstMetadataVecOnly: quirks.has("mptr_first_vector_only"),
    undoesUnsavedMapping: !quirks.has("bounce_slot_lost_on_array_failure"),
  };
}
