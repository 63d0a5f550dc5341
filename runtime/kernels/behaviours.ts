/**
 * The releases of the kernel that a machine can have, and their differences.
 *
 * There is one table. Each row is a behaviour that some releases have and others do not: an older
 * way of working, or a defect; the row lists the releases that have it. The code is written like
 * the newest release without its defects. Where a release differs, the code has a branch that names
 * the row (`machine.kernel.no_two_step`). A new release is a line of `RELEASES` and the rows that
 * changed; everything else about releases is derived from this table.
 */
import type { KernelFeature } from "../vocabulary/kernel_calls.ts";

/** What distinguishes each release, as a sentence; from the oldest to the newest. */
export const RELEASES = {
  "6.1.192":
    "Requests are mapped as scatterlists, and take SGLs by their segments before they are mapped.",
  "6.12.117": "Requests are mapped as scatterlists, and take SGLs by what was mapped.",
  "6.17.13": "As 6.18.15, but metadata is a scatterlist, and segments are mapped by their pages.",
  "6.18.15":
    "Requests are mapped with the two-step API; a page's virtual boundary takes the place of the gap bit.",
  "7.0.13": "As 7.2.6 in all that is modelled.",
  "7.1.13": "As 7.2.6 in all that is modelled.",
  "7.2.6": "As 7.2.12, with the defect that lost the gap bit of a split request.",
  "7.2.12": "Requests are mapped with the two-step API.",
  "7.2.13": "As 7.2.12 in all that is modelled.",
  "7.3-rc7":
    "As 7.2.12, but `dma_iova_destroy` frees the whole range synchronously, in lazy mode too.",
  "7.3.4": "As 7.3-rc7, but mapping a list whose padded length exceeds 32 bits fails.",
} as const satisfies Readonly<Record<string, string>>;

/** A release's version without its last part. */
type ShortName<R> = R extends `${infer Short}-rc${string}` ? Short
  : R extends `${infer Major}.${infer Minor}.${string}` ? `${Major}.${Minor}`
  : R;

/** Short names of versions: each means one of the modelled releases of that version. */
export const KERNEL_SHORT_NAMES = {
  "6.1": "6.1.192",
  "6.12": "6.12.117",
  "6.17": "6.17.13",
  "6.18": "6.18.15",
  "7.0": "7.0.13",
  "7.1": "7.1.13",
  "7.2": "7.2.12",
  "7.3": "7.3.4",
} as const satisfies { readonly [R in KernelProfile as ShortName<R>]: KernelProfile };

/**
 * Releases without a row of their own, each with the row that behaves like it in all requests of a capture
 * (tests/golden/guests).
 */
export const CAPTURED_AS: Readonly<Record<string, KernelProfile>> = { "7.2.9": "7.2.12" };

/** The release of a machine that names none. */
export const DEFAULT_KERNEL: KernelProfile = "7.2.12";

/** The name of a kernel release (docs/language/declarations.md). */
export type KernelProfile = keyof typeof RELEASES;

/** Every release that a machine can have, from the oldest to the newest. */
export const KERNEL_NAMES = Object.keys(RELEASES) as readonly KernelProfile[];

/** One release, or all releases from one to another; an omitted end means the oldest or the newest. */
export type ReleaseSpan = KernelProfile | `${KernelProfile | ""}..${KernelProfile | ""}`;

/** A behaviour that some releases have and others do not. */
export interface Behaviour {
  /** The releases that have the behaviour; empty if no modelled release has it. */
  readonly in: readonly ReleaseSpan[];
  /** What a release with this behaviour does, as a sentence. */
  readonly doc: string;
  /** The name that `dmalab explain` describes further; for a defect, the defect's name. */
  readonly rule?: string;
  /**
   * Parts of the kernel that releases with this behaviour lack, each with the release that introduced
   * it, as the end of a sentence.
   */
  readonly lacks?: { readonly [F in KernelFeature]?: string };
}

/**
 * Ways of working that a newer release has given up.
 * @internal
 */
export const OLDER_WAYS = {
  transfer_4_mib: {
    in: ["6.1.192"],
    rule: "nvme.1.1",
    doc: "A transfer of the driver has at most 4 MiB, not 8 MiB.",
  },
  scatter_table_127: {
    in: ["6.1.192"],
    rule: "nvme.1.1",
    doc: "A request has at most 127 segments, not 128.",
  },
  transfers_not_cut_to_iova_caches: {
    in: ["6.1.192"],
    rule: "nvme.1.1",
    doc: "Behind an IOMMU the hardware limit is not cut to 128 KiB, which the rcaches hold.",
  },
  vtd_syncs_at_page_size: {
    in: ["6.1.192"],
    rule: "dma.5.2",
    doc: "In strict mode VT-d's driver invalidates before it unmaps pages of another size.",
  },
  vtd_syncs_at_unmap_size: {
    in: ["6.12.117"],
    rule: "hmm-rdma-vfio.7",
    doc:
      "Of unmaps that are invalidated together VT-d's driver ends a group where the size changes.",
  },
  virtio_gathers_no_range: {
    in: ["..6.18.15"],
    rule: "dma.5.5",
    doc: "Behind a virtio-iommu the `iotlb_sync` of an unmap names no range.",
  },
  integrity_segments_by_format: {
    in: ["6.1.192"],
    rule: "nvme.1",
    doc: "A namespace without metadata has no integrity segments; one with metadata has one.",
  },
  sgl_chosen_before_mapping: {
    in: ["6.1.192"],
    rule: "nvme.6",
    doc:
      "The SGL threshold is compared with bytes by physical segments, before anything is mapped.",
  },
  user_commands_not_by_sgl: {
    in: ["6.1.192"],
    rule: "nvme.6",
    doc: "A user's command takes an SGL by the threshold alone, as any request does.",
  },
  metadata_by_one_pointer: {
    in: ["6.1.192"],
    rule: "nvme.6",
    doc: "Metadata has one pointer: there are no SGLs for it.",
  },
  own_metadata_by_pages: {
    in: ["6.1.192"],
    rule: "nvme.6",
    doc: "Metadata that the block layer makes itself has a vector for each of its pages.",
  },
  metadata_counted_at_join: {
    in: ["6.1.192"],
    rule: "block.1.5",
    doc:
      "A request counts its metadata when a bio might join it, behind its size, and closes where that is too much.",
  },
  plug_newest_first: {
    in: ["6.1.192"],
    rule: "block.1.5",
    doc:
      "A plug sends its newest request first, and is flushed at 32 requests and behind one of 128 KiB.",
  },
  pool_newest_page_first: {
    in: ["6.1.192"],
    rule: "nvme.6",
    doc: "A pool of descriptors takes a block from its newest page with a free one.",
  },
  short_first_segment_refused: {
    in: ["6.1.192"],
    rule: "nvme.6",
    doc:
      "A request with a PRP list is refused if its first segment ends inside a page: its rest does not wrap.",
  },
  soft_cap_1280_kib: {
    in: ["..6.12.117"],
    rule: "block.1.1",
    doc: "The default soft limit of a request is 1280 KiB, not 4 MiB.",
  },
  fixed_vectors_refused: {
    in: ["..6.12.117"],
    rule: "block.1.8",
    doc: "A passthrough command cannot use a fixed buffer by several vectors.",
  },
  vectors_stay_apart: {
    in: ["..6.18.15"],
    rule: "block.2.1",
    doc: "Vectors of one bio that touch stay segments of their own.",
  },
  no_gap_bit: {
    in: ["..6.18.15"],
    rule: "block.1.6",
    doc: "Bios and requests do not record where their segments do not meet on pages.",
  },
  peer_memory_never_bounced: {
    in: ["..6.17.13"],
    rule: "p2p.9.6",
    doc: "A peer's memory that cannot be reached cannot be mapped: no bounce buffer copies it.",
  },
  debug_by_page: {
    in: ["..6.17.13"],
    rule: "dma.8.2",
    doc:
      "DMA API debugging has a family of its own for MMIO, compares no attributes and all cache lines.",
  },
  empty_map_accepted: {
    in: ["6.17.13..6.18.15"],
    rule: "dma.3.4",
    doc: "A page table accepts a map of 0 bytes, which maps nothing.",
  },
  no_two_step: {
    in: ["..6.12.117"],
    rule: "hmm-rdma-vfio.6.9",
    doc: "There is no two-step API, which allocates IOVA ranges first and links them later.",
    lacks: { two_step: "the two-step API came with 6.16" },
  },
  no_physical_calls: {
    in: ["..6.17.13"],
    rule: "dma.7.3",
    doc: "Nothing is mapped by a physical address: segments and entries are mapped by their pages.",
    lacks: { physical_calls: "the mapping calls by physical address came with 6.18" },
  },
  metadata_scatterlist: {
    in: ["6.17.13"],
    rule: "nvme.6",
    doc: "Metadata of a request that is mapped by the iterator is a scatterlist of its own.",
  },
  destroy_waits_for_flush: {
    in: ["..7.2.13"],
    rule: "v7.3.1.1",
    doc: "In lazy mode the flush and the free of dma_iova_destroy wait for the flush queue.",
  },
  destroy_frees_mapped_length: {
    in: ["..7.2.13"],
    rule: "v7.3.1.4",
    doc: "dma_iova_destroy frees as much as is passed as mapped, not the whole reservation.",
  },
  mmio_untranslated: {
    in: ["..7.2.13"],
    rule: "v7.3.3.1",
    doc: "MMIO on a directly mapped device keeps its physical address, whatever the bus does.",
  },
  unaligned_mmio_refused: {
    in: ["6.18.15..7.2.6"],
    rule: "dma.1.6",
    doc: "Unaligned MMIO cannot be mapped for a device that is not trusted.",
  },
  shared_coherent_behind_iommu: {
    in: ["..7.2.13"],
    rule: "v7.3.3.9",
    doc: "Coherent memory of an encrypted guest can be allocated behind an IOMMU.",
  },
  shared_attribute_taken_literally: {
    in: ["..7.2.13"],
    rule: "v7.3.3.3",
    doc:
      "The attribute for shared memory refuses a map, or maps in place, where none is encrypted.",
  },
  overflow_warns_per_call: {
    in: ["..7.2.13"],
    rule: "dma.2.1",
    doc: "Single buffers and lists that are out of reach warn once each, not once in all.",
  },
  fault_lines_without_segment: {
    in: ["..6.18.15"],
    rule: "dma.1.6",
    doc: "A fault line of VT-d does not name the PCI segment of the device.",
  },
  mapped_pages_uncounted: {
    in: ["..6.18.15"],
    rule: "dma.8.4",
    doc: "There is no `iommu.debug_pagealloc`: freeing a page that an IOMMU maps never warns.",
  },
  nvme_scatterlists: {
    in: ["..6.12.117"],
    rule: "nvme.2.1",
    doc: "A request is mapped as one scatterlist, not segment by segment as an iterator walks it.",
    lacks: { blk_dma_iter: "the block layer's DMA iterator came with 6.17" },
  },
  virt_boundary_with_sgl: {
    in: ["..6.18.15"],
    rule: "nvme.1.1",
    doc: "The virtual boundary of a page applies although the controller supports SGLs.",
  },
  host_memory_buffer_in_pieces: {
    in: ["..6.12.117"],
    rule: "nvme.6",
    doc: "A host memory buffer behind an IOMMU is pieces of 4 MiB, not one allocation.",
  },
  unchecked_buffer_warns: {
    in: ["6.12.117..6.18.15"],
    rule: "block.1.8",
    doc: "The first passthrough command with data for a controller without SGLs warns.",
  },
  vfio_scatterlist: {
    in: ["..6.12.117"],
    rule: "hmm-rdma-vfio.3.2",
    doc: "A migration buffer's pages are one scatterlist, mapped as a whole.",
  },
  vfio_wrap_is_einval: {
    in: ["..6.17.13"],
    rule: "hmm-rdma-vfio.7",
    doc: "A range of VFIO's type 1 that wraps around 2^64 ends in EINVAL, not EOVERFLOW.",
  },
  vfio_tests_a_table: {
    in: ["..6.12.117"],
    rule: "hmm-rdma-vfio.7",
    doc:
      "VFIO_SET_IOMMU maps and unmaps two pages at 0, to see how the IOMMU unmaps a part of them.",
  },
  readonly_pin_takes_zero_page: {
    in: ["6.1.192"],
    rule: "hmm-rdma-vfio.7",
    doc: "A pin for reading takes the zero page of memory that was never written.",
  },
  odp_single_mappings: {
    in: ["..6.12.117"],
    rule: "hmm-rdma-vfio.6",
    doc: "Pages on demand have a mapping each, instead of sharing one IOVA range.",
    lacks: { hmm_dma_map: "the page-wise DMA map came with 6.16" },
  },
  fault_retries_share_timeout: {
    in: ["..7.2.13"],
    rule: "v7.3.5.6",
    doc: "All retries of a page fault share one timeout.",
  },
  fault_error_is_efault: {
    in: ["..7.2.13"],
    rule: "v7.3.5.4",
    doc: "A failed page fault returns EFAULT, not its own errno.",
  },
  nvidia_bridges_unlisted: {
    in: ["..7.2.13"],
    rule: "v7.3.5.3",
    doc: "Four host bridges of NVIDIA are not listed as carrying traffic between peers.",
  },
  peer_memory_needs_pages: {
    in: ["..6.18.15"],
    rule: "p2p.9.9",
    doc: "A BAR can be peer memory with struct pages only.",
  },
} as const satisfies Readonly<Record<string, Behaviour & { readonly rule: string }>>;

/** A behaviour of no modelled release. */
function unreleased(doc: string): Behaviour {
  return { in: [], doc };
}

/**
 * Defects of real releases, and of related code and hardware: `docs/rules/defects.md` describes
 * each.
 */
export const QUIRKS = {
  gap_bit_lost_on_split: {
    in: ["7.0.13..7.2.6"],
    doc: "The front part of a split bio loses the gap bit of its segments.",
  },
  list_returned_with_stale_address: {
    in: ["6.17.13.."],
    doc: "A rejected request frees its PRP list with the DMA address of an earlier one.",
  },
  refused_list_not_freed: {
    in: ["6.1.192"],
    doc:
      "A request of segments that end inside a page is refused, and its PRP list is never freed.",
  },
  gap_of_next_piece_counts: {
    in: ["7.2.12.."],
    doc: "The gap before the segment that no longer fits counts for the front part of a split.",
  },
  sgl_unmap_args_swapped: {
    in: ["6.18.15"],
    doc: "Unmapping an SGL takes the list for the command's descriptor (6.18).",
  },
  metadata_uses_data_gap: {
    in: ["6.18.15.."],
    doc: "Whether metadata becomes one range is decided by the gaps of the data.",
  },
  metadata_iova_from_format: {
    in: ["6.18.15.."],
    doc: "The range for metadata is sized from the format, not from the buffer.",
  },
  metadata_length_from_format: {
    in: ["6.18.15.."],
    doc: "The metadata descriptor's length is the computed one.",
  },
  stale_iova_state_p2p: {
    in: ["6.17.13.."],
    doc: "The IOVA state of the tag's last request describes a peer-memory request.",
  },
  partial_destroy_on_list_failure: {
    in: ["6.17.13.."],
    doc: "When a PRP list cannot be allocated, only the bytes placed so far are unmapped.",
  },
  partial_destroy_on_link_failure: {
    in: ["6.17.13..7.2.13"],
    doc: "When a link fails, less is freed than was reserved.",
  },
  bounce_slot_lost_on_array_failure: {
    in: ["6.17.13.."],
    doc:
      "The first bounce buffer of a request leaks when the array of mappings cannot be allocated.",
  },
  bounced_iova_keeps_slot_offset: {
    in: ["6.1.192"],
    doc:
      "A buffer that is bounced behind an IOMMU keeps its offset in a bounce slot (2 KiB), not in a page.",
  },
  list_length_wraps: {
    in: ["..7.3-rc7"],
    doc: "A list's padded length wraps at 32 bits: the map fails and leaves pages mapped.",
  },
  mptr_first_vector_only: {
    in: ["6.1.192", "6.18.15.."],
    doc: "Of a metadata segment made of two vectors only the first is mapped.",
  },
  host_bridge_p2p_with_forced_bounce: {
    in: ["7.2.12.."],
    doc: "Peer memory behind the host bridge cannot be mapped while bouncing is forced.",
  },
  dma_buf_ranges_at_start: {
    in: ["7.3.4"],
    doc: "Every range of a dma-buf is linked at the start of its IOVAs: a second one fails.",
  },
  unmap_rebuilt_from_prps: unreleased("What to unmap is rebuilt from the PRP list (June 2025)."),
  vectors_allocated_for_iova: unreleased(
    "An array of mappings is allocated for one IOVA range too, and never freed (July 2025).",
  ),
  odp_read_only_refault: unreleased("Read-only pages fault again for ever (May 2025)."),
  hmm_without_dma_device: unreleased(
    "Devices without DMA of their own crash the page-array helper (May 2025).",
  ),
  sg_bus_length_missing: unreleased(
    "Peer entries of a direct scatterlist have no DMA length (November 2025).",
  ),
  gap_bits_without_data: unreleased("Gaps are computed for bios without data (November 2025)."),
  half_linked_on_error: unreleased(
    "A failing link leaves the range half linked, the unmap takes all of it (late 2025).",
  ),
  stale_iova_state_uncoalesced: unreleased(
    "The IOVA state of the tag's last request survives into one without a range (2025).",
  ),
  need_unmap_flip_null_list: unreleased(
    "The first bounce inside a request finds no array to save mappings in (2026).",
  ),
  vectors_leaked_p2p: unreleased("The array of mappings leaks for peer-memory requests (2026)."),
  first_mapping_leaked: unreleased(
    "The first mapping leaks when the array or a descriptor cannot be allocated (2026).",
  ),
  odp_populate_error_exit: unreleased(
    "A page that cannot be mapped for a region leaves the region locked for ever (2026).",
  ),
  sg_host_bridge_unmapped: {
    in: ["6.17.13..6.18.15"],
    doc: "Peer entries behind a host bridge are not mapped in a direct scatterlist (6.16 to 7.0).",
  },
  bounce_link_no_middle: {
    in: ["6.17.13..6.18.15"],
    doc: "A bounced link that is all head and tail maps an empty middle (June 2026).",
  },
  vfio_page_array_crash: {
    in: ["6.17.13.."],
    doc: "A migration buffer that got only some of its pages is freed through a wrong pointer.",
  },
  vfio_partial_destroy: {
    in: ["6.17.13..7.2.13"],
    doc: "When a link of a migration buffer fails, less is freed than was reserved.",
  },
  controller_chains_last_prp: unreleased(
    "A controller follows the last entry of a PRP page as a link, needed or not.",
  ),
  prp_pool_aligned_512: unreleased(
    "Small PRP lists are aligned to 512 bytes, so that none ends where a page does.",
  ),
  prp_full_page_chained: unreleased("A PRP page that is exactly full gets a link to one more."),
  prp_single_page: unreleased(
    "The driver has one PRP page for a command, and writes past its end.",
  ),
  p2p_design_2021: unreleased(
    "Peer memory as first proposed: a flag in the scatterlist's page link.",
  ),
  single_segment_by_iterator: unreleased(
    "What if NVMe had no path of its own for one segment, and went through the block iterator.",
  ),
  iova_size_32_bits: unreleased(
    "What if the IOVA state had 32 bits for the size: no range of 2 GiB or more.",
  ),
  api_rfc_2024: unreleased(
    "The two-step API as first posted: three state objects, attributes kept.",
  ),
  link_returns_address: unreleased(
    "What if dma_iova_link returned the device address of what it links.",
  ),
  unlink_covers_singles: unreleased(
    "What if two-step calls mapped and unmapped single buffers where there is no range.",
  ),
  swiotlb_2022_never_copy_in: unreleased("Bounce buffers are not filled for from_device mappings."),
  swiotlb_2022_copy_in_at_map: unreleased(
    "Bounce buffers are filled at the map, but not with skip_cpu_sync.",
  ),
  swiotlb_2022_sync_rework: unreleased(
    "Bounce buffers are filled for from_device whenever the device gets them (early 2022).",
  ),
} as const satisfies Readonly<Record<string, Behaviour>>;

/** Every row, the defects first. */
export const BEHAVIOURS = { ...QUIRKS, ...OLDER_WAYS } as const;

/** The name of a defect that a release had, or that no modelled release has. */
export type QuirkName = keyof typeof QUIRKS;

/** Names of the defects that are enabled. */
export type QuirkSet = ReadonlySet<QuirkName>;

/** The name of a way of working that newer releases no longer have. */
export type OlderWay = keyof typeof OLDER_WAYS;

export type BehaviourName = QuirkName | OlderWay;
