/**
 * Every class of `dma.report`: the rule it comes from, and whether a kernel would have told.
 *
 * @see behaviour/dma.md 3.6, 8.2; docs/events.md, "Classes of dma.report"
 */

/** What is known of a class. */
export interface ReportClassEntry {
  /** Page, chapter and row in `docs/behaviour/`. */
  readonly rule: string;
  /** No check of any kernel sees it. */
  readonly beyondKernel: boolean;
  /** The kernel's DMA debugging counts it in `error_count`. */
  readonly counted: boolean;
}

/** A row of 8.2: a check of the kernel's DMA debugging. */
function debugging(row: number): ReportClassEntry {
  return { rule: `dma.8.2.${row}`, beyondKernel: false, counted: true };
}

/** A row of 8.2 that DMA debugging does not count: a warning of its own, or one of others. */
function warned(row: number): ReportClassEntry {
  return { rule: `dma.8.2.${row}`, beyondKernel: false, counted: false };
}

/** A row of 3.6 of which some kernel code says something. */
function refused(row: number): ReportClassEntry {
  return { rule: `dma.3.6.${row}`, beyondKernel: false, counted: false };
}

/** A row of 3.6 with **no** in its last column. */
function unseen(row: number): ReportClassEntry {
  return { rule: `dma.3.6.${row}`, beyondKernel: true, counted: false };
}

function hazard(rule: string): ReportClassEntry {
  return { rule, beyondKernel: true, counted: false };
}

const REPORT_CLASS_TABLE = {
  unmap_unknown: debugging(1),
  unmap_error_value: debugging(2),
  unmap_size: debugging(3),
  unmap_kind: debugging(4),
  free_cpu_address: debugging(5),
  unmap_entries: debugging(6),
  unmap_direction: debugging(7),
  error_unchecked: debugging(8),
  unmap_attributes: debugging(9),
  map_stack: debugging(10),
  map_text: debugging(11),
  map_invalid: debugging(12),
  map_vmalloc: warned(13),
  mmio_is_ram: debugging(14),
  cacheline_overlap: debugging(15),
  cacheline_overlap_many: warned(16),
  sync_unknown: debugging(17),
  sync_size: debugging(18),
  sync_direction: debugging(19),
  sync_for_cpu_read_only: debugging(20),
  sync_for_device_write_only: debugging(21),
  sync_entries: debugging(22),
  segment_too_long: debugging(23),
  segment_boundary: debugging(24),
  leak_at_unbind: debugging(25),

  link_unaligned: refused(1),
  link_overlap: refused(3),
  link_empty: refused(4),
  link_beyond_range: unseen(5),
  sync_missing: unseen(6),
  unlink_unlinked: refused(7),
  unlink_splits_leaf: refused(8),
  unlink_direction: unseen(9),
  unlink_attributes: unseen(9),
  free_while_linked: unseen(10),
  destroy_short: unseen(10),
  destroy_twice: unseen(11),
  iova_leak_at_unbind: unseen(12),
  link_beyond_device_limits: unseen(13),

  stale_iotlb_access: hazard("dma.5.3"),
  device_outside_buffer: hazard("dma.1.6"),
  stale_cacheline_read: hazard("dma.2.2"),
  stale_memory_read: hazard("dma.2.1"),
  dirty_cacheline_lost: hazard("dma.2.2"),
  device_write_lost: hazard("dma.2.2"),
  private_memory_access: hazard("dma.1.5"),
  peer_misrouted: hazard("p2p.9.2"),
  peer_memory_without_pool: hazard("p2p.9.7"),
  peer_revoked_mapped: hazard("p2p.9.8"),
  peer_revoked_cached: hazard("p2p.9.8"),
  peer_revoked_queued: hazard("p2p.9.8"),
  peer_use_after_unbind: hazard("p2p.9.8"),
} as const satisfies Record<string, ReportClassEntry>;

export type ReportClass = keyof typeof REPORT_CLASS_TABLE;

export const REPORT_CLASSES: Readonly<Record<ReportClass, ReportClassEntry>> = REPORT_CLASS_TABLE;
