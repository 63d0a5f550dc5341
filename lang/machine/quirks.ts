/**
 * Defects of real releases as switches, and the releases that have them.
 *
 * A profile switches on what its release has; `quirks = [...]` changes that one by one. The names
 * are those of `docs/behaviour/defects.md`.
 */
import type { KernelProfile } from "../../runtime/machine_config.ts";

export interface QuirkSpec {
  readonly name: string;
  /** Profiles that have it switched on. */
  readonly profiles: readonly KernelProfile[];
  readonly doc: string;
}

const BOTH: readonly KernelProfile[] = ["7.2", "7.2.6"];

export const QUIRKS: readonly QuirkSpec[] = [
  {
    name: "gap_bit_lost_on_split",
    profiles: ["7.2.6"],
    doc: "The front part of a bio that is cut forgets that its segments have gaps.",
  },
  {
    name: "list_returned_with_stale_address",
    profiles: BOTH,
    doc: "A refused request gives its PRP list back under the address of an earlier one.",
  },
  {
    name: "gap_of_next_piece_counts",
    profiles: ["7.2"],
    doc: "The gap before the piece that no longer fits counts for the front part of a cut.",
  },
  {
    name: "sgl_unmap_args_swapped",
    profiles: [],
    doc: "Unmapping an SGL takes the list for the command's descriptor (6.17 to some 6.18).",
  },
  {
    name: "metadata_uses_data_gap",
    profiles: BOTH,
    doc: "Whether metadata becomes one range is decided by the gaps of the data.",
  },
  {
    name: "metadata_iova_from_format",
    profiles: BOTH,
    doc: "The range for metadata is sized from the format, not from the buffer.",
  },
  {
    name: "metadata_length_from_format",
    profiles: BOTH,
    doc: "The metadata descriptor's length is the computed one.",
  },
  {
    name: "stale_iova_state_p2p",
    profiles: BOTH,
    doc: "The IOVA state of the tag's last request describes a peer-memory request.",
  },
  {
    name: "partial_destroy_on_list_failure",
    profiles: BOTH,
    doc: "When a PRP list cannot be had, only the bytes placed so far are unmapped.",
  },
  {
    name: "partial_destroy_on_link_failure",
    profiles: BOTH,
    doc: "When a link fails, less is released than was reserved.",
  },
  {
    name: "bounce_slot_lost_on_array_failure",
    profiles: BOTH,
    doc: "The first bounce of a request is lost when the array of mappings cannot be had.",
  },
  {
    name: "mptr_first_vector_only",
    profiles: BOTH,
    doc: "Of a metadata segment made of two vectors only the first is mapped.",
  },
  {
    name: "host_bridge_p2p_with_forced_bounce",
    profiles: ["7.2"],
    doc: "Peer memory behind the host bridge cannot be mapped while bouncing is forced.",
  },
  {
    name: "double_return_of_saved_vectors",
    profiles: [],
    doc: "The array of saved mappings goes back to its pool twice.",
  },
  {
    name: "sgl_flag_survives_requeue",
    profiles: [],
    doc: "A command prepared again keeps the SGL flag of the first try.",
  },
  {
    name: "unmap_rebuilt_from_prps",
    profiles: [],
    doc: "What to unmap is rebuilt from the PRP list (June 2025).",
  },
  {
    name: "vectors_allocated_for_iova",
    profiles: [],
    doc: "An array of mappings is allocated for one IOVA range too, and never freed (July 2025).",
  },
  {
    name: "odp_read_only_refault",
    profiles: [],
    doc: "Read-only pages fault again for ever (May 2025).",
  },
  {
    name: "hmm_without_dma_device",
    profiles: [],
    doc: "Devices without DMA of their own crash the page-array helper (May 2025).",
  },
  {
    name: "sg_bus_length_missing",
    profiles: [],
    doc: "Peer entries of a direct scatterlist have no DMA length (November 2025).",
  },
  {
    name: "gap_bits_without_data",
    profiles: [],
    doc: "Gaps are computed for bios without data (November 2025).",
  },
  {
    name: "half_linked_on_error",
    profiles: [],
    doc: "A failing link leaves the range half linked, the unmap takes all of it (late 2025).",
  },
  {
    name: "stale_iova_state_uncoalesced",
    profiles: [],
    doc: "The IOVA state of the tag's last request survives into one without a range (2025).",
  },
  {
    name: "need_unmap_flip_null_list",
    profiles: [],
    doc: "The first bounce inside a request finds no array to save mappings in (2026).",
  },
  {
    name: "vectors_leaked_p2p",
    profiles: [],
    doc: "The array of mappings leaks for peer-memory requests (2026).",
  },
  {
    name: "first_mapping_leaked",
    profiles: [],
    doc: "The first mapping leaks when the array or a descriptor cannot be had (2026).",
  },
  {
    name: "odp_populate_error_exit",
    profiles: [],
    doc: "A page that cannot be mapped for a region leaves the region locked for ever (2026).",
  },
  {
    name: "sg_host_bridge_unmapped",
    profiles: [],
    doc: "Peer entries behind a host bridge are not mapped in a direct scatterlist (6.16 to 7.0).",
  },
  {
    name: "bounce_link_no_middle",
    profiles: [],
    doc: "A bounced link that is all head and tail maps an empty middle (June 2026).",
  },
  {
    name: "vfio_page_array_crash",
    profiles: BOTH,
    doc: "A migration buffer whose pages come in part only is given back through a wrong pointer.",
  },
  {
    name: "vfio_partial_destroy",
    profiles: BOTH,
    doc: "When a link of a migration buffer fails, less is released than was reserved.",
  },
  {
    name: "controller_chains_last_prp",
    profiles: [],
    doc: "A controller takes the last entry of a PRP page for a link, needed or not.",
  },
  {
    name: "prp_pool_aligned_512",
    profiles: [],
    doc: "Small PRP lists are aligned to 512 bytes, so that none ends where a page does.",
  },
  {
    name: "prp_full_page_chained",
    profiles: [],
    doc: "A PRP page that is exactly full gets a link to one more.",
  },
  {
    name: "prp_single_page",
    profiles: [],
    doc: "The driver has one PRP page for a command, and writes past its end.",
  },
  {
    name: "p2p_design_2021",
    profiles: [],
    doc: "Peer memory as first proposed: a flag in the scatterlist's page link.",
  },
  {
    name: "sgl_segment_chains",
    profiles: [],
    doc: "What if SGL lists went on in further segments: up to 2048 data segments a request.",
  },
  {
    name: "api_rfc_2024",
    profiles: [],
    doc: "The two-step API as first posted: three state objects, attributes kept.",
  },
  {
    name: "swiotlb_2022_never_copy_in",
    profiles: [],
    doc: "Bounce buffers are not filled for from_device mappings.",
  },
  {
    name: "swiotlb_2022_copy_in_at_map",
    profiles: [],
    doc: "Bounce buffers are filled at the map, but not with skip_cpu_sync.",
  },
  {
    name: "swiotlb_2022_sync_rework",
    profiles: [],
    doc: "Bounce buffers are filled for from_device whenever the device gets them (early 2022).",
  },
];

/** Every switch's name. */
export const QUIRK_NAMES: readonly string[] = QUIRKS.map((quirk) => quirk.name);

/** The switches that a release has on. */
export function profileQuirks(kernel: KernelProfile): Set<string> {
  return new Set(QUIRKS.filter((quirk) => quirk.profiles.includes(kernel)).map(({ name }) => name));
}
