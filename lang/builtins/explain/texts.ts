/**
 * Decisions in words, as templates by the names of their events. If a template is not enough, a
 * function makes the texts.
 */
import type { EventFields, EventName, FieldValue } from "@dmalab/runtime";

/**
 * A row of the table of texts. `when` has the required values of fields and inputs; `title` and
 * `why` are templates; `rule` is given if the event does not contain the rule. The name `why.rule`
 * means the rule of the decision.
 *
 * `{name}` is a field or an input as the vocabulary prints it, `{name:page}` its number of pages,
 * `{name:WORDS}` its text in WORDS. `[…]` is left out if all its values are empty or 0, and
 * `[?name…]` if `name` is 0 or false.
 */
export type TextRow = readonly [
  when: Readonly<Record<string, FieldValue>>,
  title: string,
  why: string,
  rule?: string,
];

/** The meaning of each cause of a full pool, and its remedy. */
export const POOL_VERDICTS: Readonly<Record<EventFields<"swiotlb.full">["cause"], string>> = {
  no_pool: "the machine has no swiotlb pool",
  over_segment:
    "exceeds IO_TLB_SEGSIZE (128 slots, 256KiB), the largest bounce buffer, however much is free: map smaller segments",
  full: "all slots are in use by recent mappings: reduce concurrency or enlarge swiotlb=",
  leak_suspected: "most slots are held by old mappings: a missing unmap is likely",
  fragmented: "enough slots are free, but not contiguous",
  alignment: "enough contiguous slots are free, but none starts at the required alignment",
};

const SHORTAGES: Readonly<Record<EventFields<"iova.alloc_failed">["cause"], string>> = {
  full: "fewer bytes are free",
  fragmented: "enough is free, but not contiguous",
  alignment: "a contiguous range is free, but not at an aligned start",
  beyond_limit: "more than the address space below the limit",
  max32_skipped: "a range is free, but the 32-bit search was skipped (size ≥ max32_alloc_size)",
};

const SOURCES: Readonly<Record<EventFields<"iova.alloc">["source"], string>> = {
  rcache: "the per-CPU rcache",
  tree: "the rbtree",
  tree_after_flush: "the rbtree, after the rcaches were flushed",
};

const FLUSH_REASONS: Readonly<Record<EventFields<"flush_queue.flush">["reason"], string>> = {
  full: "the queue is full",
  timer: "its timer expired",
};

const FAULTS: Readonly<Record<EventFields<"iommu.fault">["reason"], string>> = {
  not_present: "no mapping at this address",
  not_writable: "the mapping has no write permission",
  not_readable: "the mapping has no read permission",
  address_width: "the address exceeds the IOMMU's address width",
  reserved: "the address lies in a reserved range",
  unreachable: "no memory or device is reachable at this address",
  peer_blocked: "peer routing or ACS blocks the access",
  device_gone: "the device was removed or cut off",
  context_absent: "the context entry of its requester ID was cleared when another function left",
};

const TIMEOUT_ACTIONS: Readonly<Record<EventFields<"nvme.timeout">["action"], string>> = {
  polled: "the completion was posted but its interrupt was lost (completion polled)",
  abort: "an Abort command is sent",
  reset: "the controller is reset",
  timer_reset: "timer restarted (BLK_EH_RESET_TIMER), abort limit reached",
};

/** Texts for the values of fields and inputs, by the table names that templates use. */
export const WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  POOL_VERDICTS,
  SHORTAGES,
  SOURCES,
  FLUSH_REASONS,
  FAULTS,
  TIMEOUT_ACTIONS,
  LIMITERS: {
    mask: "the device's mask",
    bus: "the limit of its bus",
    iommu: "the width of the IOMMU's addresses",
  },
  /** Why VFIO refused a call of a process. */
  CONTAINER_CAUSES: {
    unknown_flag: "a flag is unknown",
    access: "exactly one of access (read, write) and vaddr is needed",
    empty: "the size is 0",
    unaligned: "an address or the size is no multiple of 4KiB",
    iova_wraps: "the addresses of the devices wrap around 2^64",
    vaddr_wraps: "the addresses of the process wrap around 2^64",
    overlap: "some of these addresses are mapped",
    invalid_range: "it does not lie in one of the ranges of VFIO_IOMMU_GET_INFO",
    no_memory: "there is no memory for a page of the process",
    table: "the IOMMU's page table refuses it",
    all_of_a_range: "unmapping all takes no range: iova and size must be 0",
    cut: "the range cuts an area, and a part of an area cannot be unmapped",
    no_area: "no area is mapped there",
    another_area: "the area there has other ends",
    has_address: "the area has its address",
    no_address: "the address of an area was taken back before",
    no_iommu: "no IOMMU is selected, see VFIO_SET_IOMMU",
    not_logging: "no log of dirty pages was started",
    bitmap_page_size: "a bit must stand for 4KiB",
    bitmap_size: "the bitmap has no bit for each page, or is too large",
    bitmap_with_another_flag: "a bitmap takes no other flag",
    last_byte: "it ends at the last byte of 64 bits",
  },
  GROUP_CAUSES: {
    no_iommu: "the machine has no IOMMU, so the device is in no IOMMU group",
    firmware: "firmware needs memory that is mapped for a device of the group",
    other_user: "another user has the device's IOMMU group",
    in_container: "the container has the device's IOMMU group",
    not_in_container: "the container does not have the device's IOMMU group",
    address_taken: "the address of an area was taken back, and has not been given again",
    no_group: "the container has no group",
    selected: "the container has an IOMMU",
    not_selected: "no IOMMU is selected, see VFIO_SET_IOMMU",
    file_open: "a file of a device of the group is open",
  },
  HMM_MODES: {
    iova: "one IOVA range for all pages",
    list: "no IOVA range, and dma_need_unmap() is true: the DMA address of each page is stored",
    stateless:
      "the device is not translated, and dma_need_unmap() is false: no DMA address is stored",
  },
  /** The reason for the way in which an entry was mapped. Each key is a row of the rule's table. */
  HMM_ROWS: {
    "hmm-rdma-vfio.1.3.1": "already mapped: its offset in the range",
    "hmm-rdma-vfio.1.3.2": "already mapped: its address is in the list",
    "hmm-rdma-vfio.1.3.4": "peer memory that the device cannot reach",
    "hmm-rdma-vfio.1.3.5": "peer memory by its bus address, computed each time",
    "hmm-rdma-vfio.1.3.7": "linked at its offset in the range, with its own sync",
    "hmm-rdma-vfio.1.3.8": "dma_need_unmap() became true after a bounce, and there is no list",
    "hmm-rdma-vfio.1.3.9": "mapped by its own call",
  },
  /** Why a page cannot be faulted in as requested. */
  FAULT_REFUSALS: {
    EFAULT: "no memory area of the process there, or a poisoned page",
    EPERM: "write access requested, and the process may only read it",
    ENOMEM: "no memory for a page",
  },
};

const SEARCH = "top-down search below the limit {limit}";
const FOUND = "IOVA {start}, {size_bytes}, from {source:SOURCES}";
const FREED = "IOVA {start}, {size_bytes}";
const NONE = "no IOVA for {size_bytes}: {cause}";
const SHORTAGE =
  "{cause:SHORTAGES}: {free_bytes} free below the limit {limit} (set by {limited_by:LIMITERS}), " +
  "largest contiguous free range {longest_free_bytes}[; the device's bus has the addresses {bus_ranges} only]";
const QUEUED = "[; {waiting_for_flush:range} more queued for a deferred flush]";
const WHOLE = "[?whole_domain; issued as a domain-wide invalidation]";
const FAULT = "fault: {access} of {dma}, {reason}";
const NO_RANGE = "dma_iova_try_alloc() returns false";
const NO_LISTS = "hmm_dma_map_alloc fails: {error}";
const HELD = "the process has {valid:page} at {virt}, {size_bytes}";
const BROUGHT = "{brought_in} faulted in or made writable";
const BY_LIST = "metadata by SGL descriptors";
const BY_ADDRESS = "metadata at the address in MPTR";
const RANGE_HELD = "the request's IOVA state holds a range";
const NOT_NEEDED = "the device is coherent, not translated, and has not bounced";
const METADATA = "it has {metadata_segments:segment}";
const DROPPED = "[; {freed:smaller one} on the way freed]";

const MAP_REFUSED = "MAP_DMA of {size_bytes} at {iova}: {error}";
const THE_AREA = "[: there is an area of {area_bytes}][ at {area_address}]";

/** The rows of texts for each event. The first row with fitting conditions is used. */
export const TEXTS: { readonly [N in EventName]?: readonly TextRow[] } = {
  // dma.md 4.1 to 4.4
  "iova.alloc": [
    [
      { source: "rcache" },
      FOUND,
      "a freed range for {granules:page}, rounded up to a power of two, was in a magazine",
    ],
    [{ cacheable: true }, FOUND, `rcache miss for {granules:page}; ${SEARCH}`],
    [{}, FOUND, `{granules:page} exceed the largest rcache size; ${SEARCH}`],
  ],
  "iova.alloc_failed": [
    [
      { cause: "alignment" },
      NONE,
      `${SHORTAGE}; a range of {searched_bytes} is aligned to its size, rounded up to a power of two${QUEUED}`,
    ],
    [
      { cause: "max32_skipped" },
      NONE,
      `${SHORTAGE}; a search for {skipped_from_bytes} failed before: until an IOVA below 4GiB is freed, ` +
      `this size and larger ones fail without a search${QUEUED}`,
    ],
    [{}, NONE, SHORTAGE + QUEUED],
  ],
  // dma.md 4.3, 5.3
  "iova.free": [
    [
      { to: "flush_queue" },
      `${FREED}, queued for a deferred flush`,
      "lazy mode: stale IOTLB entries may remain until then",
    ],
    [
      { to: "tree" },
      `${FREED}, freed to the rbtree`,
      "{granules:page}; rcaches hold up to {largest_cached_granules}",
    ],
    [
      {},
      `${FREED}, freed to the per-CPU rcache`,
      "{granules:page} (rcaches hold up to {largest_cached_granules}), for the next range of as many, both rounded " +
      "up to a power of two",
    ],
  ],
  "iotlb.sync": [
    [{ kind: "all" }, "IOTLB flush of the whole domain", "a flush of the queue"],
    [
      { kind: "map" },
      "IOTLB invalidation for the new mapping {start}, {size_bytes}",
      `caching mode: not-present entries are cached${WHOLE}`,
    ],
    [
      {},
      "IOTLB invalidation of {start}, {size_bytes}",
      `synchronous, before the IOVA can be reused ({model})${WHOLE}`,
    ],
  ],
  // dma.md 5.5
  "viommu.wait": [
    [
      { reason: "map" },
      "{requests:request} handled by the virtio-iommu's host",
      "a mapping waits for all requests before it: an unmapped range is gone from here on",
    ],
    [
      { reason: "unmap" },
      "{requests:request} handled by the virtio-iommu's host",
      "synchronous, before the IOVA can be reused",
    ],
    [
      { reason: "full" },
      "{requests:request} handled by the virtio-iommu's host",
      "the request queue has {places} places",
    ],
    [{}, "{requests:request} handled by the virtio-iommu's host", "a flush of the queue"],
  ],
  "device_tlb.request": [
    [
      { granted: "nothing" },
      "ATS: translation request for {start}, nothing granted",
      "nothing is mapped there: the device sends the access untranslated, and the IOMMU blocks it",
    ],
    [
      {},
      "ATS: translation request for {start}, {size_bytes}: {granted}",
      "the device keeps it: {used} of {entries} entries; further accesses pass the IOMMU",
    ],
  ],
  "device_tlb.sync": [[
    {},
    'device-TLB invalidation of {start}, {size_bytes} sent to "{target}"',
    "each device of the domain with ATS gets one, the one that unmaps or not: {members} in the domain",
  ]],
  "device_tlb.answer": [[
    {},
    'device "{target}" answered the invalidation of {start}, {size_bytes}',
    "{dropped} of its {entries} entries dropped, {after_ns} after it was sent",
  ]],
  "device_tlb.wait": [
    [
      { missing: 0 },
      "waited {waited_ns} for the devices with ATS",
      "the wait command behind the invalidations completes with the last answer: {answers} of {devices}",
    ],
    [
      {},
      "waited {waited_ns} for the devices with ATS, {missing} without an answer",
      "the time is up after {timeout_ns}",
    ],
  ],
  "device_tlb.timeout": [[
    {},
    'time-out: device "{target}" did not answer the invalidation of {start}, {size_bytes}',
    "the device hangs, is in a reset or was removed; its entries may be used further",
  ]],
  "flush_queue.flush": [[
    {},
    "flush queue drained: {entries:range} freed",
    "{reason:FLUSH_REASONS}; capacity {usable_entries}, timeout {timeout_ns}",
  ]],
  // dma.md 6.2
  "swiotlb.full": [[
    {},
    "no bounce buffer of {wanted_bytes}: {cause}",
    "{cause:POOL_VERDICTS}; {slots_wanted:slot} wanted, {slots_in_use} of {slots_of_the_pool} in use, " +
    "{largest_free_run} contiguous and free",
  ]],
  "iommu.fault": [
    [{ injected: true }, FAULT, "the access was made to fail by `inject`"],
    [{ translated: true }, FAULT, "{reason:FAULTS}; the device is translated"],
    [{}, FAULT, "{reason:FAULTS}; the device is not translated"],
  ],
  "ret.dma_iova_try_alloc": [
    [{ injected: true }, NO_RANGE, "injected failure"],
    [{ translated: true }, NO_RANGE, "no IOVA range is available"],
    [{}, NO_RANGE, "the device is not translated: it has no IOVAs"],
  ],
  // block.md 2.5
  "ret.blk_rq_dma_unmap": [
    [{ "why.rule": "block.2.5.1" }, "nothing to unmap", "bus addresses were never mapped"],
    [
      { "why.rule": "block.2.5.2" },
      "one dma_iova_destroy() for the whole range",
      "the state says that a range is in use",
    ],
    [{ result: true }, "nothing to unmap", NOT_NEEDED],
    [
      {},
      "each segment must be unmapped",
      "there is no IOVA range, and dma_need_unmap() is true",
    ],
  ],
  // nvme.md 2.6
  "nvme.unmap": [
    [{ rule: "single" }, "unmapped: the one segment", "one mapping, one call"],
    [{ rule: "bus" }, "nothing to unmap", "bus addresses were never mapped"],
    [{ rule: "iova" }, "unmapped: one range of {iova_bytes}", RANGE_HELD],
    [{ rule: "nothing" }, "nothing to unmap for the data", NOT_NEEDED],
    [{ rule: "scatterlist" }, "unmapped: the scatterlist", "6.12 kept one for the request"],
  ],
  // nvme.md 3
  "nvme.metadata": [
    [
      { format: "sgl", user_command: true },
      BY_LIST,
      "a passthrough command; the controller supports them",
    ],
    [{ format: "sgl" }, BY_LIST, `${METADATA}; the controller supports them`],
    [{ data_sgl: false }, BY_ADDRESS, "the data is described by PRP entries"],
    [
      { controller_metadata_sgl: false },
      BY_ADDRESS,
      "the controller does not support SGLs for metadata",
    ],
    [{}, BY_ADDRESS, METADATA],
  ],
  // No capture shows a timeout; docs/language/devices.md describes the model.
  "nvme.timeout": [[{}, "timeout", "{action:TIMEOUT_ACTIONS}", "nvme.5.2"]],
  "nvme.cancel": [[
    {},
    "the driver completes the command: Command Aborted By Host",
    "the controller was stopped or removed; the request may be retried",
    "nvme.4.2",
  ]],
  // hmm-rdma-vfio.md 1.1 to 1.3, 2.2
  "ret.hmm_dma_map_alloc": [
    [{ error: null }, "hmm_dma_map_alloc: {memory_bytes} of lists", "{mode:HMM_MODES}"],
    [
      { needs_sync: true },
      NO_LISTS,
      "the device is not coherent, or has bounced: its memory would need dma_sync calls",
    ],
    [
      { addressing_limited: true },
      NO_LISTS,
      "the device cannot address all memory, and bouncing is not allowed",
    ],
    [{}, NO_LISTS, "no memory for a list"],
  ],
  "ret.hmm_dma_map_pfn": [
    [{ result: null }, "page {index} cannot be mapped", "{why.rule:HMM_ROWS}"],
    [{}, "page {index} → {result}", "{why.rule:HMM_ROWS}"],
  ],
  "hmm.fault": [
    [
      { result: "EBUSY" },
      "the page table at {virt}, {size_bytes} is changing",
      "the sequence number was {sequence} and is {sequence_now}, or an invalidation is in progress: read it again",
    ],
    [
      { result: "OK", wanted_write: true },
      HELD,
      `{writable} writable; write fault requested; ${BROUGHT}`,
    ],
    [
      { result: "OK", wanted_valid: true },
      HELD,
      `{writable} writable; read fault requested; ${BROUGHT}`,
    ],
    [{ result: "OK" }, HELD, `{writable} writable; no fault requested; ${BROUGHT}`],
    [{}, "hmm_range_fault() of {virt}, {size_bytes} fails: {result}", "{result:FAULT_REFUSALS}"],
  ],
  "odp.handled": [
    [
      { result: "OK" },
      "page fault at {virt}: {pages:page} mapped",
      "[{refaults:page fault} at the same address made no progress]",
    ],
    [{}, "page fault at {virt} ends with {result}", ""],
  ],
  "odp.retry": [
    [
      { cause: "busy" },
      "mmu_interval_read_retry(): the page table is read again",
      "it was changing",
    ],
    [
      {},
      "mmu_interval_read_retry(): the page table is read again",
      "the sequence number was {sequence} and is {sequence_now}: the result may be stale",
    ],
  ],
  "odp.invalidate": [[
    {},
    "{virt}, {size_bytes}: {unmapped:page} invalidated",
    "{zapped} entries left the table, {counted} are counted; npages is {npages}",
  ]],
  // hmm-rdma-vfio.md 3.2, 3.3
  "vfio.register": [
    [
      { rule: "iova" },
      "{pages:page} mapped as one range at {dma}",
      "behind an IOMMU an IOVA range of {bytes} was allocated: a link for each page, one sync",
    ],
    [
      { rule: "scatterlist" },
      "{pages:page} mapped as one scatterlist",
      "this release uses a list",
    ],
    [{ translated: true }, "{pages:page} mapped one by one", "no IOVA range of {bytes} available"],
    [{}, "{pages:page} mapped one by one", "no translation, so there is no IOVA range"],
  ],
  "vfio.buffer": [
    [
      { action: "reused" },
      "a spare buffer of {pages:page} is reused",
      `the first of its direction with {wanted_pages:page}${DROPPED}`,
    ],
    [
      {},
      "a new buffer of {pages:page}",
      `no spare one of its direction has {wanted_pages:page}${DROPPED}`,
    ],
  ],
  // hmm-rdma-vfio.md 7
  "vfio.container": [
    [
      { state: "opened", "why.rule": "hmm-rdma-vfio.7.23" },
      "container opened",
      "it has no group",
    ],
    [
      { state: "opened" },
      "container opened for the IOMMU group of {devices}",
      "no kernel driver is bound there; the devices reach only what the process maps",
    ],
    [{ state: "group_added" }, "group added: {devices}", "its devices reach {areas:area}"],
    [{ state: "iommu_selected" }, "IOMMU selected for {devices}", "they share one domain"],
    [
      { state: "group_removed", "why.rule": "hmm-rdma-vfio.7.26" },
      "last group removed: {areas:area} unmapped",
      "no IOMMU is selected",
    ],
    [{ state: "group_removed" }, "group removed; left: {devices}", "the others keep {areas:area}"],
    [
      {},
      "container closed: {areas:area} unmapped and unpinned",
      "with it the files of its groups, and {device_files:file} of devices; they are on their default " +
      "domain again",
    ],
  ],
  "vfio.refused": [
    [
      { cause: "driver_bound" },
      "{call}[ of {target}]: {error}",
      "a driver of the kernel is bound to {bound}, in the IOMMU group of {target}",
    ],
    [{}, "{call}[ of {target}]: {error}", "{cause:GROUP_CAUSES}"],
  ],
  "vfio.dirty_pages": [
    [
      { error: null, iova: null },
      "DIRTY_PAGES {flags}",
      "no error, whether pages are logged or not",
    ],
    [
      { error: null },
      "{pages:page} dirty in {size_bytes} at {iova}",
      "all mapped ones, and what a wider bitmap left",
    ],
    [{}, "DIRTY_PAGES {flags}: {error}", `{cause:CONTAINER_CAUSES}${THE_AREA}`],
  ],
  "vfio.map_dma": [
    [
      { error: null, "why.rule": "hmm-rdma-vfio.7.11" },
      "the area at {iova} has an address again",
      "the process has it at {virt}; its pages stay those that were pinned",
    ],
    [
      { error: null },
      "{size_bytes} of the process mapped at {iova}",
      "the process has it at {virt}; {counted_pages:page} counted as locked, {locked_bytes} in all",
    ],
    [
      { cause: "limit" },
      MAP_REFUSED,
      "RLIMIT_MEMLOCK is {limit_bytes}, and {locked_before_bytes} were locked before",
    ],
    [
      { cause: "fault" },
      MAP_REFUSED,
      "page {page} of the memory cannot be accessed so by the process",
    ],
    [{ cause: "entries" }, MAP_REFUSED, "dma_entry_limit allows {entries:area}"],
    [{}, MAP_REFUSED, `{cause:CONTAINER_CAUSES}${THE_AREA}`],
  ],
  "vfio.unmap_dma": [
    [
      { error: null, "why.rule": "hmm-rdma-vfio.7.11" },
      "the addresses of {areas:area} are taken back",
      "the devices still reach the pinned pages",
    ],
    [
      { error: null },
      "{areas:area}, {unmapped_bytes} unmapped and unpinned",
      "[{locked_bytes} are still locked]",
    ],
    [
      {},
      "UNMAP_DMA of {size_bytes} at {iova}: {error}",
      `{cause:CONTAINER_CAUSES}${THE_AREA}`,
    ],
  ],
  "dma.report": [[{}, "the checker: {class}", "{text}", "{rule}"]],
  inject: [[{}, "injected failure: {point} returns {error}", "hit number {nth}"]],
};
