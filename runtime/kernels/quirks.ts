/**
 * Defects of real releases, and of related code and hardware, as switches.
 *
 * `kernels.ts` says which release has one; `docs/rules/defects.md` what is known of each. The one
 * place where a switch changes something reads it by its name.
 */

/** Every switch, with what is wrong where it is on. */
export const QUIRKS = {
  gap_bit_lost_on_split: "The front part of a split bio loses the gap bit of its segments.",
  list_returned_with_stale_address:
    "A rejected request frees its PRP list with the DMA address of an earlier one.",
  gap_of_next_piece_counts:
    "The gap before the segment that no longer fits counts for the front part of a split.",
  sgl_unmap_args_swapped:
    "Unmapping an SGL takes the list for the command's descriptor (6.17 to some 6.18).",
  metadata_uses_data_gap: "Whether metadata becomes one range is decided by the gaps of the data.",
  metadata_iova_from_format:
    "The range for metadata is sized from the format, not from the buffer.",
  metadata_length_from_format: "The metadata descriptor's length is the computed one.",
  stale_iova_state_p2p: "The IOVA state of the tag's last request describes a peer-memory request.",
  partial_destroy_on_list_failure:
    "When a PRP list cannot be allocated, only the bytes placed so far are unmapped.",
  partial_destroy_on_link_failure: "When a link fails, less is freed than was reserved.",
  bounce_slot_lost_on_array_failure:
    "The first bounce buffer of a request leaks when the array of mappings cannot be allocated.",
  list_length_wraps:
    "A list's padded length wraps at 32 bits: the map fails and leaves pages mapped (to 7.3-rc7).",
  mptr_first_vector_only: "Of a metadata segment made of two vectors only the first is mapped.",
  host_bridge_p2p_with_forced_bounce:
    "Peer memory behind the host bridge cannot be mapped while bouncing is forced.",
  unmap_rebuilt_from_prps: "What to unmap is rebuilt from the PRP list (June 2025).",
  vectors_allocated_for_iova:
    "An array of mappings is allocated for one IOVA range too, and never freed (July 2025).",
  odp_read_only_refault: "Read-only pages fault again for ever (May 2025).",
  hmm_without_dma_device:
    "Devices without DMA of their own crash the page-array helper (May 2025).",
  sg_bus_length_missing: "Peer entries of a direct scatterlist have no DMA length (November 2025).",
  gap_bits_without_data: "Gaps are computed for bios without data (November 2025).",
  half_linked_on_error:
    "A failing link leaves the range half linked, the unmap takes all of it (late 2025).",
  stale_iova_state_uncoalesced:
    "The IOVA state of the tag's last request survives into one without a range (2025).",
  need_unmap_flip_null_list:
    "The first bounce inside a request finds no array to save mappings in (2026).",
  vectors_leaked_p2p: "The array of mappings leaks for peer-memory requests (2026).",
  first_mapping_leaked:
    "The first mapping leaks when the array or a descriptor cannot be allocated (2026).",
  odp_populate_error_exit:
    "A page that cannot be mapped for a region leaves the region locked for ever (2026).",
  sg_host_bridge_unmapped:
    "Peer entries behind a host bridge are not mapped in a direct scatterlist (6.16 to 7.0).",
  bounce_link_no_middle:
    "A bounced link that is all head and tail maps an empty middle (June 2026).",
  vfio_page_array_crash:
    "A migration buffer that got only some of its pages is freed through a wrong pointer.",
  vfio_partial_destroy: "When a link of a migration buffer fails, less is freed than was reserved.",
  controller_chains_last_prp:
    "A controller follows the last entry of a PRP page as a link, needed or not.",
  prp_pool_aligned_512:
    "Small PRP lists are aligned to 512 bytes, so that none ends where a page does.",
  prp_full_page_chained: "A PRP page that is exactly full gets a link to one more.",
  prp_single_page: "The driver has one PRP page for a command, and writes past its end.",
  p2p_design_2021: "Peer memory as first proposed: a flag in the scatterlist's page link.",
  single_segment_by_iterator:
    "What if NVMe had no path of its own for one segment, and went through the block iterator.",
  iova_size_32_bits: "What if the IOVA state had 32 bits for the size: no range of 2 GiB or more.",
  api_rfc_2024: "The two-step API as first posted: three state objects, attributes kept.",
  link_returns_address: "What if dma_iova_link returned the device address of what it links.",
  unlink_covers_singles:
    "What if two-step calls mapped and unmapped single buffers where there is no range.",
  swiotlb_2022_never_copy_in: "Bounce buffers are not filled for from_device mappings.",
  swiotlb_2022_copy_in_at_map: "Bounce buffers are filled at the map, but not with skip_cpu_sync.",
  swiotlb_2022_sync_rework:
    "Bounce buffers are filled for from_device whenever the device gets them (early 2022).",
} as const satisfies Readonly<Record<string, string>>;

/** The name of a defect that a release had, or of a "what if". */
export type QuirkName = keyof typeof QUIRKS;

/** Switches that are on. */
export type QuirkSet = ReadonlySet<QuirkName>;

/** Every switch's name. */
export const QUIRK_NAMES = Object.keys(QUIRKS) as readonly QuirkName[];

export function isQuirkName(name: string): name is QuirkName {
  return Object.hasOwn(QUIRKS, name);
}
