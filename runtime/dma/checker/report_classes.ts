/**
 * Every class of `dma.report`: the rule it comes from, and whether a kernel would have told.
 *
 * @see behaviour/dma.md 3.6, 8.2, behaviour/c-api.md 14; docs/events.md, "Classes of dma.report"
 */

/** What is known of a class. */
export interface ReportClassEntry {
  /** What the driver did, as a sentence. */
  readonly doc: string;
  /** Page, chapter and row in `docs/behaviour/`. */
  readonly rule: string;
  /** No check of any kernel sees it. */
  readonly beyondKernel: boolean;
  /** The kernel's DMA debugging counts it in `error_count`. */
  readonly counted: boolean;
  /** How a kernel's log has it, without its numbers; null where it says nothing, or nobody has seen it. */
  readonly log: string | null;
}

/** A row of 8.2: a check of the kernel's DMA debugging. */
function debugging(row: number, doc: string, log: string | null = null): ReportClassEntry {
  return { doc, rule: `dma.8.2.${row}`, beyondKernel: false, counted: true, log };
}

/** A row of 8.2 that DMA debugging does not count: a warning of its own, or one of others. */
function warned(row: number, doc: string): ReportClassEntry {
  return { doc, rule: `dma.8.2.${row}`, beyondKernel: false, counted: false, log: null };
}

/** A row of 3.6 of which some kernel code says something. */
function refused(row: number, doc: string): ReportClassEntry {
  return { doc, rule: `dma.3.6.${row}`, beyondKernel: false, counted: false, log: null };
}

/** A row of 3.6 with **no** in its last column. */
function unseen(row: number, doc: string): ReportClassEntry {
  return { doc, rule: `dma.3.6.${row}`, beyondKernel: true, counted: false, log: null };
}

function hazard(rule: string, doc: string): ReportClassEntry {
  return { doc, rule, beyondKernel: true, counted: false, log: null };
}

const REPORT_CLASS_TABLE = {
  unmap_unknown: debugging(
    1,
    "Unmapped what was never mapped, or twice.",
    "device driver tries to free DMA memory it has not allocated",
  ),
  unmap_error_value: debugging(
    2,
    "Unmapped the error value.",
    "device driver tries to free an invalid DMA memory address",
  ),
  unmap_size: debugging(
    3,
    "Unmapped with another size than mapped.",
    "device driver frees DMA memory with different size",
  ),
  unmap_kind: debugging(
    4,
    "Unmapped with a function of another family.",
    "device driver frees DMA memory with wrong function",
  ),
  free_cpu_address: debugging(5, "Freed with another CPU address."),
  unmap_entries: debugging(
    6,
    "Unmapped a list with another number of entries.",
    "device driver frees DMA sg list with different entry count",
  ),
  unmap_direction: debugging(
    7,
    "Unmapped with another direction than mapped.",
    "device driver frees DMA memory with different direction",
  ),
  error_unchecked: debugging(
    8,
    "The mapping was never tested for an error.",
    "device driver failed to check map error",
  ),
  unmap_attributes: debugging(
    9,
    "Unmapped with other attributes than mapped.",
    "device driver frees DMA memory with different attributes",
  ),
  map_stack: debugging(10, "Mapped the kernel's stack.", "device driver maps memory from stack"),
  map_text: debugging(
    11,
    "Mapped the kernel's code or constants.",
    "device driver maps memory from kernel text or rodata",
  ),
  map_invalid: debugging(12, "Mapped an address that is none."),
  map_vmalloc: warned(13, "Mapped virtually contiguous memory as if it were physically so."),
  mmio_is_ram: debugging(14, "Mapped ordinary RAM as MMIO."),
  cacheline_overlap: debugging(
    15,
    "Two mappings share a cache line.",
    "cacheline tracking EEXIST, overlapping mappings aren't supported",
  ),
  cacheline_overlap_many: warned(16, "Very many mappings share a cache line."),
  sync_unknown: debugging(
    17,
    "Synchronised what is not mapped.",
    "device driver tries to sync DMA memory it has not allocated",
  ),
  sync_size: debugging(
    18,
    "Synchronised more than is mapped.",
    "device driver tries to sync DMA memory it has not allocated",
  ),
  sync_direction: debugging(
    19,
    "Synchronised with another direction than mapped.",
    "device driver syncs DMA memory with different direction",
  ),
  sync_for_cpu_read_only: debugging(
    20,
    "Synchronised for the CPU what the device only reads.",
    "device driver syncs device read-only DMA memory for cpu",
  ),
  sync_for_device_write_only: debugging(21, "Synchronised for the device what it only writes."),
  sync_entries: debugging(22, "Synchronised a list with another number of entries."),
  segment_too_long: debugging(
    23,
    "A segment is longer than the device takes.",
    "mapping sg segment longer than device claims to support",
  ),
  segment_boundary: debugging(
    24,
    "A segment crosses the device's boundary.",
    "mapping sg segment across boundary",
  ),
  leak_at_unbind: debugging(
    25,
    "The driver left while mappings were live.",
    "device driver has pending DMA allocations while released from device",
  ),

  link_unaligned: refused(1, "A later link starts inside a granule."),
  link_overlap: refused(3, "A link overlaps one that is live."),
  link_empty: refused(4, "A link of no bytes."),
  link_beyond_range: unseen(5, "A link reaches past the allocated range."),
  sync_missing: unseen(6, "A linked range was used before it was made visible."),
  unlink_unlinked: refused(7, "Unlinked what was not linked."),
  unlink_splits_leaf: refused(8, "Unlinked a part of a larger page-table entry."),
  unlink_direction: unseen(9, "Unlinked with another direction than linked."),
  unlink_attributes: unseen(9, "Unlinked with other attributes than linked."),
  free_while_linked: unseen(10, "Freed a range that still has links."),
  destroy_short: unseen(10, "Destroyed less than was linked."),
  destroy_twice: unseen(11, "Destroyed or freed twice."),
  iova_leak_at_unbind: unseen(12, "The driver left while an IOVA range was allocated."),
  link_beyond_device_limits: unseen(13, "A link breaks a limit of the device."),
  try_alloc_live: hazard("dma.3.2", "Reserved a range with a state that still has one."),
  range_other_device: unseen(5, "A call about a range names another device than the range's own."),
  sync_unlinked: unseen(6, "Made visible what is not linked."),
  range_unmapped: {
    doc: "Ended a range of the two-step API by a call for single mappings or lists.",
    rule: "dma.8.3",
    beyondKernel: false,
    counted: true,
    log: "device driver tries to free DMA memory it has not allocated",
  },

  stale_iotlb_access: hazard(
    "dma.5.3",
    "A device used a translation that the page table has no longer.",
  ),
  device_outside_buffer: hazard(
    "dma.1.6",
    "A device touched memory outside the buffer it was given.",
  ),
  stale_cacheline_read: hazard(
    "dma.2.2",
    "The CPU read a cache line from before a device wrote its memory.",
  ),
  stale_memory_read: hazard(
    "dma.2.1",
    "A device read memory whose newest bytes were still in the CPU's caches.",
  ),
  dirty_cacheline_lost: hazard(
    "dma.2.2",
    "Bytes that the CPU wrote while a device had them were dropped.",
  ),
  device_write_lost: hazard(
    "dma.2.2",
    "Bytes that a device wrote were overwritten by a line of the CPU's caches.",
  ),
  cpu_touches_device_buffer: hazard(
    "dma.1.6",
    "The CPU touched a buffer that is mapped for a device and was not synchronised back.",
  ),
  freed_while_mapped: hazard(
    "dma.1.6",
    "Memory was given back that a device still has a mapping of.",
  ),
  unwritten_memory_fetched: hazard(
    "c-api.5",
    "A device read bytes that nobody has written since their memory was taken.",
  ),
  private_memory_access: hazard(
    "dma.1.5",
    "A device touched memory of a confidential guest that is not shared.",
  ),
  sleep_in_atomic: {
    doc: "Called under a spin lock what may sleep.",
    rule: "c-api.14",
    beyondKernel: false,
    counted: false,
    log: null,
  },
  lock_order: {
    doc: "Took two locks the other way round than before.",
    rule: "c-api.14",
    beyondKernel: false,
    counted: false,
    log: null,
  },
  peer_misrouted: hazard("p2p.9.2", "An address meant for a peer's memory led to the host's."),
  peer_memory_without_pool: hazard(
    "p2p.9.7",
    "Memory was asked for of a provider that was given none.",
  ),
  peer_revoked_mapped: hazard("p2p.9.8", "A provider's driver left while its memory was mapped."),
  peer_revoked_queued: hazard(
    "p2p.9.8",
    "A provider's driver left while addresses of its memory awaited a flush.",
  ),
  peer_use_after_unbind: hazard(
    "p2p.9.8",
    "A device used memory whose provider's driver had left.",
  ),
} as const satisfies Record<string, ReportClassEntry>;

export type ReportClass = keyof typeof REPORT_CLASS_TABLE;

export const REPORT_CLASSES: Readonly<Record<ReportClass, ReportClassEntry>> = REPORT_CLASS_TABLE;
