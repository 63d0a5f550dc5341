/** Events of mapping memory for a device: IOVAs, page tables, bounce buffers, the checker. */
import {
  BOOL,
  described,
  DMA,
  DURATION,
  type EventTable,
  INT,
  LEAVES,
  listOf,
  only,
  optional,
  PHYS,
  SITE,
  SIZE,
  TEXT,
  word,
} from "./fields.ts";
import { KERNEL_FUNCTION } from "./kernel_calls.ts";
import {
  ACCESS,
  ATTRIBUTE,
  COST,
  DIRECTION,
  ERRNO_NAME,
  FAULT_REASON,
  MEMORY_SOURCE,
  PATH,
  REPORT_CLASS,
} from "./shared_words.ts";

const MAPPING = { phys: PHYS, dma: DMA, size_bytes: SIZE, dir: DIRECTION, path: PATH };

export const MAPPING_EVENTS = {
  "iova.alloc": {
    when: "an IOVA range was allocated",
    fields: {
      start: DMA,
      size_bytes: SIZE,
      limit: DMA,
      source: word("IOVA source", {
        rcache: "The CPU's rcache.",
        tree: "The IOVA rbtree.",
        tree_after_flush: "The IOVA rbtree, after the rcaches were emptied into it.",
      }),
    },
  },
  "iova.alloc_failed": {
    when: "no IOVA range was available",
    fields: {
      size_bytes: SIZE,
      limit: DMA,
      cause: word("IOVA shortage", {
        full: "Fewer addresses are free than were requested.",
        fragmented: "Enough addresses are free, but not contiguous.",
        alignment: "A contiguous free range is long enough, but not aligned to the size.",
        beyond_limit: "The size requested exceeds the address space below the limit.",
        max32_skipped:
          "A range is free, but the 32-bit search was skipped (size ≥ max32_alloc_size).",
      }),
    },
  },
  "iova.free": {
    when: "an IOVA range was freed; one in the flush queue makes a second event when " +
      "the queue is flushed",
    fields: {
      start: DMA,
      size_bytes: SIZE,
      to: word("IOVA destination", {
        rcache: "The CPU's rcache.",
        depot: "The depot shared by the CPUs.",
        tree: "The IOVA rbtree.",
        flush_queue: "The flush queue.",
      }),
    },
  },
  "iommu.map": {
    when: "page-table entries were written",
    fields: {
      iova: DMA,
      phys: PHYS,
      size_bytes: SIZE,
      prot: word("protection", {
        read: "The device may read.",
        write: "The device may write.",
        read_write: "The device may read and write.",
      }),
      leaves: described(LEAVES, "how many per page size"),
    },
  },
  "iommu.map_failed": {
    when: "page-table entries could not be written",
    fields: {
      iova: DMA,
      phys: PHYS,
      size_bytes: SIZE,
      undone_bytes: described(SIZE, "written before the failure, and cleared again"),
      error: ERRNO_NAME,
    },
  },
  "iommu.unmap": {
    when: "page-table entries were cleared",
    fields: { iova: DMA, size_bytes: SIZE, unmapped_bytes: SIZE, leaves: LEAVES },
  },
  "iommu.sync_map": {
    when: "iotlb_sync_map was called, whether the hardware needs it or not",
    fields: { iova: DMA, size_bytes: SIZE },
  },
  "iotlb.sync": {
    when: "an IOTLB invalidation was sent",
    fields: {
      kind: word("invalidation", {
        map: "Invalidation for a new mapping (caching mode).",
        range: "Invalidation of a range.",
        walk: "Invalidation of a range with its table walks (Arm).",
        all: "Invalidation of a whole domain.",
      }),
      start: DMA,
      size_bytes: described(SIZE, "the range gathered"),
      hw_start: DMA,
      hw_size_bytes: described(SIZE, "the block that the hardware invalidates"),
    },
  },
  "viommu.request": {
    when:
      "the driver of a virtio-iommu put a request into its queue: the host has not handled it yet",
    fields: {
      type: word("request to the host", {
        map: "MAP: the host maps a range.",
        unmap: "UNMAP: the host removes the mappings in a range.",
      }),
      start: DMA,
      size_bytes: SIZE,
    },
  },
  "viommu.wait": {
    when: "the driver of a virtio-iommu waited until the host had handled its queue",
    fields: {
      reason: word("wait for the host", {
        map: "After a mapping (iotlb_sync_map).",
        unmap: "After an unmap (iotlb_sync).",
        flush: "A flush of the flush queue.",
        full: "The request queue was full.",
      }),
      start: DMA,
      size_bytes: described(SIZE, "the range of the kernel's call; 0 if it names none"),
      requests: described(INT, "requests that the host handled"),
      refused: described(INT, "of these, requests to map what is mapped, or to split a mapping"),
    },
  },
  "device_tlb.sync": {
    when: "an invalidation was sent to the translation cache of a device with ATS",
    fields: {
      target: described(TEXT, "the device, which need not be the one that unmaps"),
      start: DMA,
      size_bytes: described(SIZE, "the block that the hardware invalidates"),
    },
  },
  "device_tlb.request": {
    when: "a device with ATS asked for a translation, and keeps what was granted",
    byDevice: true,
    fields: {
      start: DMA,
      size_bytes: described(SIZE, "the page that the answer covers"),
      granted: word("translation answer", {
        read: "The device may read.",
        write: "The device may write.",
        read_write: "The device may read and write.",
        nothing: "Nothing is mapped, and nothing is kept.",
      }),
    },
  },
  "device_tlb.answer": {
    when: "a device with ATS answered an invalidation: its entries of the range are gone",
    fields: {
      target: described(TEXT, "the device"),
      start: DMA,
      size_bytes: SIZE,
      dropped: described(INT, "entries that it had"),
      after_ns: described(DURATION, "since the invalidation was sent"),
    },
  },
  "device_tlb.wait": {
    when:
      "the CPU has waited for devices with ATS: for VT-d's wait descriptor, or AMD's COMPLETION_WAIT",
    fields: {
      answers: described(INT, "devices that answered"),
      missing: described(INT, "devices that did not answer in time"),
      waited_ns: DURATION,
    },
  },
  "device_tlb.timeout": {
    when: "a device with ATS did not answer an invalidation in time",
    fields: {
      target: described(TEXT, "the device"),
      start: DMA,
      size_bytes: SIZE,
      after_ns: described(DURATION, "since the invalidation was sent"),
    },
  },
  "flush_queue.add": {
    when: "lazy mode: a range was queued for a later flush",
    fields: { pending: INT },
  },
  "flush_queue.flush": {
    when: "lazy mode: the queue was flushed",
    fields: {
      entries: INT,
      reason: word("flush reason", {
        full: "The queue was full.",
        timer: "The timer expired.",
      }),
    },
  },
  "iommu.translate": {
    when: "a device access was translated",
    byDevice: true,
    fields: {
      dma: DMA,
      phys: PHYS,
      access: ACCESS,
      hit: word("translation source", {
        iotlb: "The translation was cached.",
        walk: "The page table was walked.",
        stale: "The cached translation is not in the page table any more.",
        device_tlb: "The device had the translation itself (ATS).",
        stale_device_tlb: "The device had a translation that is not in the page table any more.",
      }),
    },
  },
  "iommu.fault": {
    when: "a device access was not translated",
    byDevice: true,
    fields: { dma: DMA, access: ACCESS, reason: FAULT_REASON },
  },
  "swiotlb.map": {
    when: "bounce-buffer slots were allocated",
    fields: {
      slot: INT,
      slots: INT,
      orig_phys: PHYS,
      tlb_phys: PHYS,
      size_bytes: SIZE,
      align_mask: described(INT, "granule minus one behind an IOMMU, else 0"),
      dir: DIRECTION,
    },
  },
  "swiotlb.unmap": {
    when: "bounce-buffer slots were freed",
    fields: {
      slot: INT,
      slots: INT,
      orig_phys: described(optional(PHYS), "none if they held no data"),
      tlb_phys: PHYS,
      size_bytes: SIZE,
      dir: DIRECTION,
      attrs: described(
        listOf(ATTRIBUTE),
        "`skip_cpu_sync` if the copy was made or skipped before",
      ),
    },
  },
  "swiotlb.copy": {
    when: "bytes were copied into or out of a bounce buffer",
    fields: {
      direction: word("copy direction", {
        in: "Into the bounce buffer.",
        out: "Out of the bounce buffer.",
      }),
      orig_phys: PHYS,
      tlb_phys: PHYS,
      size_bytes: SIZE,
    },
  },
  "swiotlb.grow": {
    when: "a pool was added to the bounce buffers",
    fields: {
      phys: PHYS,
      slots: INT,
      transient: described(BOOL, "for one buffer, and freed with it"),
    },
  },
  "swiotlb.full": {
    when: "swiotlb found no free slots for a mapping",
    fields: {
      wanted_bytes: SIZE,
      cause: word("bounce failure", {
        no_pool: "The machine has no pool.",
        full: "The pool was full.",
        fragmented: "Enough slots are free, but not contiguous.",
        over_segment: "The request exceeds IO_TLB_SEGSIZE slots.",
        alignment: "No free block has the alignment.",
        leak_suspected: "Slots have been in use for very long.",
      }),
    },
  },
  "dma.map": {
    when: "memory was mapped, by any API",
    fields: {
      api: only(
        KERNEL_FUNCTION,
        "dma_map_phys",
        "dma_map_page",
        "dma_map_single",
        "dma_map_resource",
        "dma_map_sg",
        "dma_iova_link",
      ),
      ...MAPPING,
    },
  },
  "dma.unmap": {
    when: "memory was unmapped, by any API",
    fields: {
      api: only(
        KERNEL_FUNCTION,
        "dma_unmap_phys",
        "dma_unmap_page",
        "dma_unmap_single",
        "dma_unmap_resource",
        "dma_unmap_sg",
        "dma_iova_unlink",
        "dma_iova_destroy",
      ),
      ...MAPPING,
      phys: described(
        PHYS,
        "where the device's address led: of a bounced mapping, its bounce buffer",
      ),
    },
  },
  "dma.sync": {
    when: "ownership of a mapping moved",
    fields: {
      for: word("owner", { cpu: "The CPU.", device: "The device." }),
      dma: DMA,
      size_bytes: SIZE,
    },
  },
  "dma.ops": {
    when: "a call went through the device's own table of DMA functions",
    fields: { api: KERNEL_FUNCTION },
  },
  "cache.clean": {
    when: "a device is not coherent: the CPU's cached bytes of its buffer were written back",
    fields: { phys: PHYS, size_bytes: SIZE },
  },
  "cache.invalidate": {
    when: "a device is not coherent: the CPU's cached bytes of its buffer were invalidated",
    fields: { phys: PHYS, size_bytes: SIZE },
  },
  "dma.report": {
    when: "the checker found a driver bug, or a hazard",
    fields: {
      class: REPORT_CLASS,
      rule: TEXT,
      text: TEXT,
      first_site: optional(SITE),
      second_site: optional(SITE),
      beyond_kernel: described(BOOL, "no kernel checks for it"),
      log: described(
        optional(TEXT),
        "how a kernel with DMA debugging logs it, without its numbers",
      ),
    },
  },
  "kernel.warn": {
    when: "the kernel itself printed a warning",
    fields: {
      at: described(TEXT, "the kernel function that `WARNING: at …` names in a log"),
      text: TEXT,
      log: described(optional(TEXT), "its message in a log; none for a bare `WARNING`"),
      error: described(
        optional(ERRNO_NAME),
        "the errno that ends a call which never returns in a kernel; none: the call continues",
      ),
    },
  },
  "driver.alloc": {
    when: "a driver in C allocated memory",
    fields: { phys: PHYS, size_bytes: SIZE },
  },
  "driver.free": {
    when: "a driver in C freed memory",
    fields: { phys: PHYS, size_bytes: SIZE },
  },
  "driver.request_irq": {
    when: "a driver in C registered an interrupt handler",
    fields: { irq: INT },
  },
  "driver.free_irq": {
    when: "a driver in C freed an interrupt handler",
    fields: { irq: INT },
  },
  "driver.bus_master": {
    when: "a driver in C switched bus mastering of its device on or off",
    fields: { on: BOOL },
  },
  "mem.alloc": {
    when: "host memory that a mapping needs was allocated",
    fields: { what: COST, size_bytes: SIZE, from: MEMORY_SOURCE },
  },
  "mem.free": {
    when: "host memory that a mapping needed was freed",
    fields: { what: COST, size_bytes: SIZE, from: MEMORY_SOURCE },
  },
} satisfies EventTable;
