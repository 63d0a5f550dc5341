/**
 * Every kind of finding. A kind has a statement of its fault, the classes of the kernel's checker
 * that report the same call, the expectation in a scenario, and the next steps. If a kind is a
 * class of `dma.report`, it has the name of that class. For a kind that only the log shows, the
 * text is in `kernel_log/messages/`.
 *
 * @see rules/traces.md T.53, T.62, T.66
 */
import type { CheckerClass } from "../kernel_log/messages/checker_classes.ts";

interface KindEntry {
  /** The cause of a fault in the log, as a sentence. */
  readonly fault?: string;
  /** Facts that decide for this cause of a fault if other causes fit too. */
  readonly decides?: string;
  /** Classes of the kernel's checker for the same call. */
  readonly checker?: readonly CheckerClass[];
  /** The class that a scenario names after `warns`, to expect the checker's report of the call. */
  readonly warns?: CheckerClass;
  /** Recommended steps; absent if this is not a driver's mistake. */
  readonly next?: readonly string[];
  /**
   * Set for a kind that only a kernel message shows. The recommended steps are in the row and the
   * cause of that message.
   */
  readonly fromLog?: true;
  /** Whether the name of the kind says why: such a finding is proved only if its cause is. */
  readonly saysWhy?: true;
}

/** The step to make late accesses fault each time. */
export const STRICT =
  "boot with iommu.strict=1, so that an unmap invalidates the IOTLB at once and a late access faults each time";
/** The step to run the kernel's checker; not recommended for a message that comes from the checker. */
export const CHECKER =
  "boot a kernel with CONFIG_DMA_API_DEBUG and dma_debug=on (dma_debug_driver=NAME for one driver): its report has the stack of the mapping";
/** Recommended for a message of the checker: its report contains the stacks. */
export const READ_STACKS =
  'read the stacks below the report in the log: the first is of this call, "Mapped at:" of its map';
/** The step to switch translation off for a diagnosis. */
export const PASSTHROUGH =
  "iommu=pt only as a diagnosis: without translation nothing faults, and the device overwrites memory unseen";
/** The same step on Arm, where `iommu=pt` is no option. */
export const PASSTHROUGH_ARM =
  "iommu.passthrough=1 only as a diagnosis: without translation nothing faults, and the device overwrites memory unseen";
const UNMAP_CALL =
  "compare the arguments of the unmap with what the driver kept of the map: address, size, direction, and of a list the number of entries passed to dma_map_sg(), not the one it returned";

export const FINDING_KINDS = {
  use_after_unmap: {
    fault: "DMA to a page after unmap",
    decides: "with iommu.strict=1 it faults each time, directly after the unmap",
    next: [
      STRICT,
      "look at the driver's path from the last unmap back to the device's completion: the unmap must follow it, also after a timeout or a reset",
      PASSTHROUGH,
    ],
  },
  never_mapped: {
    fault: "the page was never mapped for the device",
    decides: "a trace from before the driver is bound shows whether the page ever was mapped",
    next: [
      "compare the faulting address with what the driver writes to the device: a stale register, a physical address, an address cut to 32 bits",
      "if firmware owns the memory, look for the device in the firmware's reserved regions (RMRR, IVMD) and the kernel's quirk lists",
      PASSTHROUGH,
    ],
  },
  unknown_birth: {
    fault: "the page may have been mapped before the trace, or in a line that is missing",
    next: [
      "record from before the driver is bound: what was mapped before the trace is not known",
    ],
  },
  wrong_direction: {
    fault: "the page was mapped, but not for this direction",
    decides:
      "a dump of the page table beside the fault: an entry that is present without this permission",
    next: [
      "compare the direction of the map with what the device does: DMA_FROM_DEVICE for what it writes, DMA_BIDIRECTIONAL for both",
      CHECKER,
    ],
  },
  past_end: {
    fault: "DMA past the end of the mapping, into the next page",
    decides: "the length in the device's descriptor beside the mapped length",
    next: [
      "compare the mapped length with the length in the device's descriptor; some devices prefetch past a buffer's end",
    ],
  },
  physical_address: {
    fault: "the device was given a physical address instead of a DMA address",
    next: [
      "give the device the dma_addr_t of the map, not virt_to_phys() or page_to_phys()",
    ],
  },
  cut_address: {
    fault:
      "the page has the low bits of a live mapping's address: the device was given, or drives, fewer bits",
    decides: "the address in the device's descriptor beside the address of the map",
    next: [
      "set the mask that the hardware drives: dma_set_mask_and_coherent() with as many bits as the faulting address can have",
      "look for a dma_addr_t that is kept in 32 bits: in the driver, or in the descriptor's format",
    ],
  },
  other_device: {
    fault: "the page was mapped, but for another device",
    decides: "the requester id of the fault beside the device that maps",
    next: [
      "map with the device that does the DMA: the function, its parent or its multi-function sibling have domains of their own",
      "if the source is a bridge or function 0, look for the device in the kernel's DMA alias quirks",
    ],
  },
  error_value: {
    fault: "the device was given the value that a failed map returns",
    next: ["check dma_mapping_error() after each map, before the address reaches the device"],
  },
  leak: {
    next: [
      "look at the error paths and the reset path of the function that maps: each map needs one unmap there",
      CHECKER,
    ],
  },
  map_failed: {
    next: [
      "look at the log for the same seconds: a full bounce pool, an address above the DMA mask; without either look for mappings that are never unmapped (an IOVA space that is full), and for mappings above dma_max_mapping_size()",
      "check dma_mapping_error() after each map: the driver has to go on without the mapping, or to try later",
    ],
  },
  unmap_error_value: {
    checker: ["unmap_error_value"],
    next: ["check dma_mapping_error() after each map, and unmap nothing where it failed"],
  },
  double_map: {
    next: [
      "look for the unmap of the first mapping that was skipped: its address was given out again while it was live",
      CHECKER,
    ],
  },
  mapped_over: {
    next: [
      "look for an unmap of this IOVA that was skipped, or that had a shorter length",
      CHECKER,
    ],
  },
  destroy_short: {
    next: [
      "pass the length of all links to dma_iova_destroy(), also where a later link has failed",
    ],
  },
  double_unmap: {
    checker: ["unmap_unknown"],
    warns: "unmap_unknown",
    next: [UNMAP_CALL, CHECKER],
  },
  unmap_unknown: {
    checker: ["unmap_unknown"],
    next: [UNMAP_CALL, CHECKER],
  },
  unmap_size: {
    checker: ["unmap_size"],
    warns: "unmap_size",
    next: [UNMAP_CALL, CHECKER],
  },
  unmap_direction: {
    checker: ["unmap_direction"],
    warns: "unmap_direction",
    next: [UNMAP_CALL, CHECKER],
  },
  unmap_entries: {
    checker: ["unmap_entries"],
    warns: "unmap_entries",
    next: [UNMAP_CALL, CHECKER],
  },
  unmap_kind: {
    checker: ["unmap_kind"],
    next: [
      "pair dma_alloc_coherent() with dma_free_coherent(), dma_map_*() with dma_unmap_*()",
    ],
  },
  sync_unknown: {
    checker: ["sync_unknown"],
    warns: "sync_unknown",
    next: ["sync only between map and unmap", CHECKER],
  },
  sync_size: {
    checker: ["sync_size", "sync_unknown"],
    warns: "sync_size",
    next: ["sync at most the mapped range", CHECKER],
  },
  sync_direction: {
    checker: ["sync_direction", "sync_for_cpu_read_only"],
    warns: "sync_direction",
    next: ["sync with the direction of the map", CHECKER],
  },
  swiotlb_full: { fromLog: true, saysWhy: true },
  dma_overflow: { fromLog: true },
  contiguous_full: { fromLog: true, saysWhy: true },
  coherent_failed: { fromLog: true },
  dma_pool_error: { fromLog: true },
  page_pool_stalled: { fromLog: true },
  iova_full: { fromLog: true, saysWhy: true },
  map_unaligned: { fromLog: true },
  pin_limit: { fromLog: true },
  over_limit: { fromLog: true },
  mapping_warning: { fromLog: true },
  dma_oops: { fromLog: true },
  reserved_region: { fromLog: true },
  invalidation_error: { fromLog: true },
  iommu_error: {
    next: [
      "the lines around it name the unit; a firmware update, or the IOMMU's errata, come before the drivers of its devices",
    ],
  },
  hardware_error: {
    next: [
      "look at the device and its link before its driver: an uncorrected error is a lost transaction",
    ],
  },
  access_allowed: {
    fault: "the mapping that was live then allowed the access",
    decides:
      "the time of the fault: record with the console event, whose lines have the clock of the trace",
  },
  undecided_fault: {
    fault: "more than one cause fits",
    next: [
      "record with the console event (echo printk:console >> set_event): faults then have the clock of the trace, to the microsecond",
      STRICT,
    ],
  },
  iommu_fault: {
    fault: "a fault of the IOMMU that is not about a mapping",
  },
  born_before_trace: {},
  alive_at_end: {},
  line_missing: {},
  reuse_race: {},
} as const satisfies Readonly<Record<string, KindEntry>>;

/** A kind of this table, or the class of a line of the kernel's checker that matches no trace line. */
export type FindingKind = keyof typeof FINDING_KINDS | CheckerClass;

export function aboutKind(kind: FindingKind): KindEntry {
  const kinds: Partial<Record<FindingKind, KindEntry>> = FINDING_KINDS;
  return kinds[kind] ?? REPORTED;
}

/** The entry for a checker line that matches no trace line. */
const REPORTED: KindEntry = {
  next: [
    READ_STACKS,
  ],
};
