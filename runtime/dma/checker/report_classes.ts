/**
 * Every class of `dma.report`: its rule, and whether a kernel reports it.
 *
 * @see rules/dma.md 3.6, 8.2, rules/c-api.md 14; docs/what-fails-a-test.md
 */

/**
 * The machines on which a report class or a leak can be found. The values are the documentation's
 * text.
 */
export const FOUND_IN = {
  every_mode: "every mode, with and without translation",
  since_7_2: "every mode, from 7.2 on",
  translated: "behind an IOMMU",
  two_step: "the two-step API: behind an IOMMU, from 6.17 on",
  bounced: "bounce buffers",
  non_coherent: "devices that do not see the CPU's caches",
  cache_lines:
    "no bounce buffers, and devices that do not see the CPU's caches, or Arm; up to 6.17 " +
    "also all other machines",
  peers: "memory of peers",
  confidential: "confidential guests",
  c_drivers: "drivers in C",
} as const;
export type FoundIn = keyof typeof FOUND_IN;

export interface ReportClassEntry {
  /** The driver's action, as a sentence. */
  readonly doc: string;
  /** Page, chapter and row in `docs/rules/`. */
  readonly rule: string;
  /** True if no kernel checks for this action. A report may differ, as {@link exception} says. */
  readonly beyondKernel: boolean;
  /** When a kernel's answer is not that of `beyondKernel`, with the answer. */
  readonly exception?: string;
  readonly found: FoundIn;
  /** True if the kernel's DMA debugging counts the action in `error_count`. */
  readonly counted: boolean;
  /**
   * The kernel's log line without its numbers; null if the kernel logs nothing, or the line is
   * unknown.
   */
  readonly log: string | null;
  /** A kernel's error line that is not a WARN, with placeholders for names. */
  readonly errorLine?: string;
}

/** Common values of the checks that a kernel makes with and without DMA debugging. */
const SEEN = { beyondKernel: false, found: "every_mode", counted: false, log: null } as const;
/**
 * Common values of the rules of the two-step API. Only some releases have this API, and only behind
 * an IOMMU.
 */
const TWO_STEP = { beyondKernel: true, found: "two_step", counted: false, log: null } as const;

/** A row of 8.2: a check of the kernel's DMA debugging. */
function debugging(row: number, doc: string, log: string | null = null): ReportClassEntry {
  return { ...SEEN, doc, rule: `dma.8.2.${row}`, counted: true, log };
}

/**
 * A row of 8.2 that DMA debugging does not count: a separate warning, or a warning of other kernel
 * code.
 */
function warned(row: number, doc: string, log: string): ReportClassEntry {
  return { ...SEEN, doc, rule: `dma.8.2.${row}`, log };
}

/** A row of 3.6 for a mistake that some kernel code reports. */
function refused(row: number, doc: string): ReportClassEntry {
  return { ...TWO_STEP, doc, rule: `dma.3.6.${row}`, beyondKernel: false };
}

/** A row of 3.6 with **no** in its last column: no kernel code reports the mistake. */
function unseen(row: number, doc: string): ReportClassEntry {
  return { ...TWO_STEP, doc, rule: `dma.3.6.${row}` };
}

/** A call that the kernel refuses or carries out with a separate warning. */
function kernelWarns(rule: string, doc: string): ReportClassEntry {
  return { ...SEEN, doc, rule };
}

/** A mistake that no kernel checks for. */
function hazard(rule: string, doc: string, found: FoundIn = "every_mode"): ReportClassEntry {
  return { doc, rule, beyondKernel: true, found, counted: false, log: null };
}

const REPORT_CLASS_TABLE = {
  unmap_unknown: debugging(
    1,
    "Unmapped an address that is not mapped, or unmapped twice.",
    "device driver tries to free DMA memory it has not allocated",
  ),
  unmap_error_value: debugging(
    2,
    "Unmapped DMA_MAPPING_ERROR.",
    "device driver tries to free an invalid DMA memory address",
  ),
  unmap_size: {
    ...debugging(
      3,
      "Unmapped with another size than mapped.",
      "device driver frees DMA memory with different size",
    ),
    exception: "not in dma_free_noncontiguous()",
  },
  unmap_kind: debugging(
    4,
    "Unmapped with the wrong function.",
    "device driver frees DMA memory with wrong function",
  ),
  free_cpu_address: debugging(
    5,
    "Freed with another CPU address.",
    "device driver frees DMA memory with different CPU address",
  ),
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
    "The driver did not check dma_mapping_error().",
    "device driver failed to check map error",
  ),
  unmap_attributes: {
    ...debugging(
      9,
      "Unmapped with other attributes than mapped.",
      "device driver frees DMA memory with different attributes",
    ),
    found: "since_7_2",
  },
  map_stack: debugging(10, "Mapped the kernel's stack.", "device driver maps memory from stack"),
  map_text: debugging(
    11,
    "Mapped kernel text or rodata.",
    "device driver maps memory from kernel text or rodata",
  ),
  map_invalid: debugging(
    12,
    "Mapped an address that is not valid RAM.",
    "device driver maps memory from invalid area",
  ),
  map_vmalloc: warned(
    13,
    "Mapped vmalloc memory as physically contiguous.",
    "rejecting DMA map of vmalloc memory",
  ),
  mmio_is_ram: debugging(14, "Mapped RAM as MMIO."),
  cacheline_overlap: {
    ...debugging(
      15,
      "Two mappings share a cache line.",
      "cacheline tracking EEXIST, overlapping mappings aren't supported",
    ),
    found: "cache_lines",
  },
  cacheline_overlap_many: {
    ...warned(
      16,
      "More than 7 mappings overlap in a cache line.",
      "exceeded 7 overlapping mappings of cacheline",
    ),
    found: "cache_lines",
  },
  sync_unknown: debugging(
    17,
    "Synced an address that is not mapped.",
    "device driver tries to sync DMA memory it has not allocated",
  ),
  sync_size: debugging(
    18,
    "Synced past the end of the mapping.",
    "device driver tries to sync DMA memory it has not allocated",
  ),
  sync_direction: debugging(
    19,
    "Synced with another direction than mapped.",
    "device driver syncs DMA memory with different direction",
  ),
  sync_for_cpu_read_only: debugging(
    20,
    "Synced a to_device mapping for the CPU.",
    "device driver syncs device read-only DMA memory for cpu",
  ),
  sync_for_device_write_only: debugging(
    21,
    "Synced a from_device mapping for the device.",
    "device driver syncs device write-only DMA memory to device",
  ),
  sync_entries: debugging(
    22,
    "Synced a list with another number of entries.",
    "device driver syncs DMA sg list with different entry count",
  ),
  segment_too_long: debugging(
    23,
    "A segment is longer than the device's max_seg_size.",
    "mapping sg segment longer than device claims to support",
  ),
  segment_boundary: debugging(
    24,
    "A segment crosses the device's segment boundary.",
    "mapping sg segment across boundary",
  ),
  leak_at_unbind: debugging(
    25,
    "Driver unbound with live mappings.",
    "device driver has pending DMA allocations while released from device",
  ),

  link_unaligned: refused(1, "A link that is not the first is not granule-aligned."),
  link_overlap: {
    ...refused(3, "A link overlaps a live one."),
    exception: "not with a virtio-iommu",
  },
  link_empty: {
    ...refused(4, "Zero-length link."),
    exception: "not with an IOMMU driver that returns 0",
  },
  link_beyond_range: unseen(5, "A link extends past the end of the range."),
  sync_missing: unseen(6, "A linked range was accessed before dma_iova_sync()."),
  unlink_unlinked: refused(7, "Unlinked an address that is not linked."),
  unlink_splits_leaf: refused(8, "Unlinked part of a large page-table entry."),
  unlink_direction: unseen(9, "Unlinked with another direction than linked."),
  unlink_attributes: unseen(9, "Unlinked with other attributes than linked."),
  free_while_linked: unseen(10, "Freed a range that still has links."),
  destroy_short: unseen(10, "Destroyed less than was linked."),
  destroy_twice: {
    ...unseen(11, "Destroyed or freed a range twice."),
    exception: "a WARN of a dma_iova_destroy() that finds too little mapped",
  },
  iova_leak_at_unbind: unseen(12, "Driver unbound with an allocated IOVA range."),
  link_beyond_device_limits: unseen(13, "A link breaks a segment limit of the device."),
  state_overwritten: hazard(
    "dma.3.2",
    "Called dma_iova_try_alloc() with a state that still holds a range.",
    "two_step",
  ),
  link_stack: hazard("dma.8.3", "Linked the kernel's stack.", "two_step"),
  link_text: hazard("dma.8.3", "Linked kernel text or rodata.", "two_step"),
  link_mmio_is_ram: hazard("dma.8.3", "Linked RAM as MMIO.", "two_step"),
  range_other_device: unseen(5, "A range was used with another device than its own."),
  sync_unlinked: unseen(6, "Called dma_iova_sync() for addresses that are not linked."),
  range_unmapped: {
    ...TWO_STEP,
    doc: "Unmapped a range of the two-step API with a call for single mappings or lists.",
    rule: "dma.8.3",
    beyondKernel: false,
    counted: true,
    log: "device driver tries to free DMA memory it has not allocated",
  },

  stale_iotlb_access: hazard(
    "dma.5.3",
    "A device access used a stale IOTLB entry.",
    "translated",
  ),
  stale_device_tlb_access: hazard(
    "dma.5.4",
    "A device access used a stale entry of the device's own cache (ATS).",
    "translated",
  ),
  device_outside_buffer: hazard(
    "dma.1.6",
    "A device accessed memory outside its mapped buffers.",
  ),
  device_direction: hazard(
    "dma.1.6",
    "A device accessed a buffer against the direction of its mapping, and no IOMMU stopped it.",
  ),
  stale_cacheline_read: hazard(
    "dma.2.2",
    "CPU read of a stale cache line: a device wrote the memory, and the line was not invalidated.",
    "non_coherent",
  ),
  stale_memory_read: hazard(
    "dma.2.1",
    "Device read of stale memory: a dirty cache line was not written back.",
    "non_coherent",
  ),
  dirty_cacheline_lost: hazard(
    "dma.2.2",
    "CPU writes to a buffer that a device owned were discarded by the sync.",
    "non_coherent",
  ),
  cacheline_shared: hazard(
    "dma.2.2",
    "Two mappings for non-coherent devices share a cache line, a device writes one, and no kernel reports it.",
    "non_coherent",
  ),
  device_write_lost: hazard(
    "dma.2.2",
    "A device write was lost: the write-back of a dirty cache line overwrote it.",
    "non_coherent",
  ),
  cpu_access_while_mapped: hazard(
    "dma.1.6",
    "CPU access to a buffer that a device owns (no sync for the CPU since it was mapped): of a scenario its writes, of a driver in C its reads too.",
  ),
  device_write_unsynced: hazard(
    "dma.1.6",
    "A device wrote to a streaming buffer that the CPU owns: after a sync for the CPU the driver has not synced it for the device.",
    "c_drivers",
  ),
  stale_bounce_read: hazard(
    "dma.6.3",
    "CPU read of a bounced buffer got what was there before: a device wrote the bounce buffer, and no sync for the CPU or unmap had copied it.",
    "bounced",
  ),
  bounced_write_lost: hazard(
    "dma.6.3",
    "A CPU write to a bounced buffer, after a sync for the CPU or a map with `skip_cpu_sync`, was overwritten when the bounce buffer was copied out: no sync for the device had copied it in.",
    "bounced",
  ),
  freed_while_mapped: hazard(
    "dma.8.4",
    "Memory was freed while still mapped for a device: a kernel from 7.2 on sees it with iommu.debug_pagealloc, behind an IOMMU.",
  ),
  map_outside_ram: hazard(
    "dma.1.6",
    "Mapped an address without RAM, without DMA_ATTR_MMIO, by another call than dma_map_single().",
  ),
  map_empty: hazard(
    "dma.1.6",
    "Mapped 0 bytes: without an IOMMU that works, behind one the map fails.",
  ),
  map_freed: hazard(
    "dma.8.4",
    "Memory was mapped after it was freed: a kernel from 7.2 on sees it with iommu.debug_pagealloc, behind an IOMMU, once the memory is allocated again.",
  ),
  coherent_mapped: hazard(
    "dma.1.9.8",
    "Passed coherent memory to dma_map_single(), and no kernel reports it.",
  ),
  free_irqs_off: kernelWarns("c-api.5", "Called dma_free_coherent() with interrupts off."),
  alloc_flags: kernelWarns(
    "c-api.5",
    "Allocated memory for DMA with flags or attributes that the call refuses.",
  ),
  pool_in_use: {
    ...kernelWarns("c-api.5", "Destroyed a DMA pool with blocks in use."),
    errorLine: "dma_pool_destroy POOL busy",
  },
  range_size: {
    ...kernelWarns("dma.3.2", "Reserved an IOVA range of 0 bytes, or of more than a size holds."),
    found: "two_step",
  },
  link_coherence: {
    ...kernelWarns(
      "dma.3.3.2",
      "Required coherent memory in a link of a range of which a part has bounced.",
    ),
    found: "two_step",
  },
  min_align_refused: {
    ...kernelWarns(
      "dma.1.6.3",
      "Mapped for a device that keeps more address bits (min_align_mask) than a granule has.",
    ),
    found: "translated",
  },
  list_empty: kernelWarns("dma.1.8", "Mapped a list without entries."),
  double_free: hazard("c-api.13", "Memory was freed twice."),
  use_after_free: hazard("c-api.13", "The CPU accessed memory that was freed."),
  uninitialized_dma_read: hazard(
    "c-api.5",
    "A device read memory that was never initialised since its allocation.",
    "c_drivers",
  ),
  device_write_after_free: hazard(
    "c-api.5",
    "A device wrote to a freed block of a DMA pool.",
  ),
  mask_failure_ignored: hazard(
    "dma.1.1",
    "Mapped or allocated for a device after dma_set_mask() failed.",
    "c_drivers",
  ),
  private_memory_access: hazard(
    "dma.1.5",
    "A device accessed private memory of a confidential guest.",
    "confidential",
  ),
  sleep_in_atomic: {
    ...SEEN,
    doc: "Called a function that may sleep in atomic context.",
    rule: "c-api.14",
  },
  lock_order: {
    ...SEEN,
    doc: "Lock-order inversion (potential ABBA deadlock).",
    rule: "c-api.14",
    found: "c_drivers",
  },
  peer_misrouted: hazard(
    "p2p.9.2",
    "A bus address of a peer's memory was routed to host memory.",
    "peers",
  ),
  peer_memory_without_pool: hazard(
    "p2p.9.7",
    "Allocated P2P memory of a provider whose pool has none.",
    "peers",
  ),
  peer_revoked_mapped: hazard(
    "p2p.9.8",
    "A provider's driver was unbound, or it revoked a dma-buf, while its memory was mapped.",
    "peers",
  ),
  peer_revoked_queued: hazard(
    "p2p.9.8",
    "A provider's driver was unbound, or it revoked a dma-buf, while IOVAs of its memory were in a flush queue.",
    "peers",
  ),
  peer_use_after_revoke: hazard(
    "p2p.9.8",
    "A device used memory of a dma-buf after its exporter had revoked it.",
    "peers",
  ),
  peer_use_after_unbind: hazard(
    "p2p.9.8",
    "A device used memory of a provider whose driver was unbound.",
    "peers",
  ),
} as const satisfies Record<string, ReportClassEntry>;

export type ReportClass = keyof typeof REPORT_CLASS_TABLE;

export const REPORT_CLASSES: Readonly<Record<ReportClass, ReportClassEntry>> = REPORT_CLASS_TABLE;
