/** Events of memory that devices and processes share: peers, page-wise maps, migration, RDMA. */
import {
  BOOL,
  described,
  DMA,
  either,
  type EventTable,
  INT,
  listOf,
  NAMES,
  optional,
  PHYS,
  SIZE,
  TABLE_RUNS,
  TEXT,
  VIRT,
  word,
} from "./fields.ts";
import {
  ACCESS,
  DIRECTION,
  ERRNO_NAME,
  FAULT_REASON,
  PEER_ROUTE,
  RESULT,
  STATUS,
} from "./shared_words.ts";

const WAY = word("how a migration buffer was mapped", {
  iova: "One IOVA range.",
  single: "Each page by itself.",
  scatterlist: "One scatterlist.",
});

const MAP_FLAGS = word("flag of VFIO_IOMMU_MAP_DMA", {
  read: "The device may read the memory.",
  write: "The device may write the memory.",
  vaddr: "Give the area's memory another address in the process.",
}, "VFIO_DMA_MAP_FLAG_");
const UNMAP_FLAGS = word("flag of VFIO_IOMMU_UNMAP_DMA", {
  all: "Every area.",
  vaddr: "Take back the address of the memory; the areas stay mapped.",
  get_dirty_bitmap: "Report the pages that devices may have written.",
}, "VFIO_DMA_UNMAP_FLAG_");
const DIRTY_FLAGS = word("flag of VFIO_IOMMU_DIRTY_PAGES", {
  start: "Log the pages that devices may have written.",
  stop: "Do not log them any more.",
  get_bitmap: "Report those of a range.",
}, "VFIO_IOMMU_DIRTY_PAGES_FLAG_");
const UNKNOWN_FLAG = word("flag that the kernel does not know", {
  unknown_flag: "A flag that the kernel does not know.",
});

/** Memory that a process maps for its devices. */
const CONTAINER_EVENTS = {
  "vfio.container": {
    when: "a process opened a container of VFIO, changed its groups, or closed it",
    fields: {
      state: word("what became of a container", {
        opened: "The process owns its groups; their devices reach nothing yet.",
        group_added:
          "The devices of a group are the process's, and reach what the container has mapped.",
        iommu_selected: "Its groups share a domain, and areas can be mapped.",
        group_removed:
          "A group is the kernel's again; with the last one nothing stays mapped or pinned.",
        closed: "Its groups are the kernel's again, and nothing stays mapped or pinned.",
      }),
      devices: described(NAMES, "of its groups"),
      areas: described(INT, "mapped before"),
      locked_bytes: described(SIZE, "counted as locked by the process now"),
    },
  },
  "vfio.refused": {
    when: "a call of a process for a container of VFIO, its groups or its devices was refused",
    fields: {
      call: TEXT,
      target: described(optional(TEXT), "the device that the call named"),
      error: ERRNO_NAME,
    },
  },
  "vfio.map_dma": {
    when: "a process called VFIO_IOMMU_MAP_DMA",
    fields: {
      iova: DMA,
      virt: VIRT,
      size_bytes: SIZE,
      flags: listOf(either(MAP_FLAGS, UNKNOWN_FLAG)),
      locked_bytes: described(SIZE, "counted as locked by the process now"),
      error: optional(ERRNO_NAME),
    },
  },
  "vfio.dirty_pages": {
    when: "a process called VFIO_IOMMU_DIRTY_PAGES",
    fields: {
      flags: listOf(either(DIRTY_FLAGS, UNKNOWN_FLAG)),
      iova: described(optional(DMA), "of the bitmap's range"),
      size_bytes: optional(SIZE),
      pages: described(INT, "that the bitmap has"),
      error: optional(ERRNO_NAME),
    },
  },
  "vfio.unmap_dma": {
    when: "a process called VFIO_IOMMU_UNMAP_DMA",
    fields: {
      iova: DMA,
      size_bytes: SIZE,
      flags: listOf(either(UNMAP_FLAGS, UNKNOWN_FLAG)),
      unmapped_bytes: described(SIZE, "0 after an error"),
      locked_bytes: described(SIZE, "counted as locked by the process now"),
      error: optional(ERRNO_NAME),
    },
  },
} satisfies EventTable;

export const VFIO_EVENTS = {
  "vfio.buffer": {
    when: "a migration buffer was allocated, reused, put back for reuse, or freed",
    fields: {
      buffer: described(INT, "its number"),
      action: word("what became of a migration buffer", {
        allocated: "It is new.",
        reused: "A spare buffer was reused.",
        put: "It was put back for reuse.",
        freed: "It was freed with its pages.",
      }),
      pages: INT,
      dir: described(optional(DIRECTION), "none for one that is never mapped"),
    },
  },
  "vfio.add_pages": {
    when: "pages were allocated in bulk for a migration buffer, as many as were free",
    fields: { buffer: INT, pages: INT, wanted_pages: INT },
  },
  "vfio.free_pages": {
    when: "pages of a migration buffer were freed",
    fields: { buffer: INT, pages: INT },
  },
  "vfio.register": {
    when: "the pages of a migration buffer were mapped",
    fields: {
      buffer: INT,
      pages: INT,
      dma: described(DMA, "of the first"),
      rule: WAY,
      dir: optional(DIRECTION),
    },
  },
  "vfio.unwind": {
    when: "a page of a migration buffer could not be mapped: the pages before it are unmapped",
    fields: { buffer: INT, mapped_pages: INT, pages: INT, rule: WAY, error: ERRNO_NAME },
  },
  "vfio.unregister": {
    when: "the pages of a migration buffer were unmapped",
    fields: { buffer: INT, pages: INT, dma: DMA, rule: WAY, dir: optional(DIRECTION) },
  },
  "vfio.key": {
    when: "a device created or destroyed a key for a migration buffer",
    fields: {
      buffer: INT,
      key: INT,
      entries: INT,
      size_bytes: SIZE,
      state: word("what became of a key", {
        made: "The device created it from its table.",
        destroyed: "The device has freed it.",
      }),
    },
  },
  "vfio.data": {
    when: "a device moved a page of migration data",
    byDevice: true,
    fields: {
      key: INT,
      index: described(INT, "in the key's table"),
      dma: DMA,
      size_bytes: SIZE,
      access: ACCESS,
    },
  },
  "vfio.dirty": {
    when: "a device reported pages that it has written",
    byDevice: true,
    fields: { records: INT, more: described(BOOL, "the buffer had no room for all") },
  },
  ...CONTAINER_EVENTS,
} satisfies EventTable;

export const ODP_EVENTS = {
  "odp.fault": {
    when: "an RDMA device accessed a page that its table does not have",
    byDevice: true,
    fields: {
      region: TEXT,
      virt: VIRT,
      size_bytes: described(SIZE, "what is left of the access"),
      access: ACCESS,
    },
  },
  "odp.handled": {
    when: "the host completed a page fault of an RDMA device",
    fields: { region: TEXT, virt: VIRT, pages: INT, result: RESULT },
  },
  "odp.retry": {
    when: "reading a process's page table has to be repeated",
    fields: {
      region: TEXT,
      cause: word("why reading a page table has to be repeated", {
        busy: "An invalidation was running.",
        sequence: "An invalidation ran in between.",
      }),
    },
  },
  "odp.region": {
    when: "memory of a process was registered for an RDMA device, or deregistered",
    fields: {
      region: TEXT,
      state: word("what became of a memory region", {
        registered: "The device may use it; no page of it is in its table.",
        released: "The device has freed it, and its table.",
      }),
      virt: VIRT,
      size_bytes: SIZE,
    },
  },
  "odp.table": {
    when: "the host wrote entries of an RDMA device's table",
    fields: {
      region: TEXT,
      index: INT,
      entries: INT,
      valid: described(INT, "0: they are removed"),
      virt: described(VIRT, "address that the first entry maps"),
      size_bytes: described(SIZE, "bytes that the entries map"),
      runs: described(TABLE_RUNS, "entries that are present now, contiguous ones merged"),
    },
  },
  "odp.invalidate": {
    when: "pages were invalidated for an RDMA device",
    fields: {
      region: TEXT,
      virt: VIRT,
      size_bytes: SIZE,
      zapped: described(INT, "entries of the table"),
      unmapped: described(INT, "pages"),
    },
  },
  "odp.dirty": {
    when: "a page that an RDMA device may have written was marked as written",
    fields: { region: TEXT, phys: PHYS },
  },
} satisfies EventTable;

export const SHARING_EVENTS = {
  "p2p.route": {
    when: "a route between two PCI functions was computed",
    fields: {
      provider: TEXT,
      client: TEXT,
      distance: described(optional(INT), "none if there is no route"),
      map_type: PEER_ROUTE,
      hops: NAMES,
      cached: BOOL,
    },
  },
  "p2p.provider": {
    when: "the state of a provider of peer memory changed",
    fields: {
      provider: TEXT,
      state: word("state of a provider of peer memory", {
        initialised: "Registered as a provider, without struct pages.",
        unpublished: "It has peer memory, which pci_p2pmem_find() does not return.",
        published: "It has peer memory, which pci_p2pmem_find() can return.",
        unbinding: "Its driver is being unbound and waits for the last page.",
        unbound: "Its driver is unbound.",
      }),
      size_bytes: SIZE,
      available_bytes: SIZE,
      references: INT,
    },
  },
  "dma_buf.map": {
    when: "a device mapped memory that another one exports as a dma-buf, or could not",
    fields: {
      exporter: TEXT,
      map_type: PEER_ROUTE,
      size_bytes: SIZE,
      ranges: described(INT, "parts of the exporter's memory"),
      entries: described(INT, "parts as the importer sees them"),
      error: optional(ERRNO_NAME),
    },
  },
  "dma_buf.unmap": {
    when: "a device unmapped memory of a dma-buf",
    fields: { exporter: TEXT, size_bytes: SIZE },
  },
  "dma_buf.revoke": {
    when: "an exporter took the memory of a dma-buf back",
    fields: {
      exporter: TEXT,
      size_bytes: SIZE,
      importers: described(NAMES, "devices that still have it mapped"),
    },
  },
  "p2p.choose": {
    when: "a provider was chosen for some clients",
    fields: {
      clients: NAMES,
      provider: described(optional(TEXT), "none when none reaches all of them"),
      distance: optional(INT),
      tied: described(NAMES, "providers at the same distance"),
    },
  },
  "pci.tlp": {
    when:
      "a peer-to-peer transaction took one hop; a completion is recorded only where its route " +
      "differs from that of its request",
    byDevice: true,
    fields: {
      from: TEXT,
      to: TEXT,
      hop: described(INT, "counted from 1"),
      address: described(DMA, "as it is on that hop"),
      verdict: word("verdict on a transaction", {
        forward: "Passed on.",
        redirect: "Redirected to the root complex.",
        block: "Stopped.",
      }),
      kind: word("transaction", {
        read: "A memory read request.",
        write: "A memory write request.",
        completion: "The completion of a read request.",
      }),
    },
  },
  "hmm.fault": {
    when: "a part of a process's page table was read into a list of page frames",
    fields: {
      virt: VIRT,
      size_bytes: SIZE,
      valid: INT,
      writable: INT,
      brought_in: described(INT, "pages that were not present, or not writable"),
      result: RESULT,
    },
  },
  "hmm.invalidate": {
    when: "a part of a process's address space is about to change: its notifiers are called",
    fields: {
      virt: VIRT,
      size_bytes: SIZE,
      reason: word("why an address space changes", {
        migrate: "A page moves to other memory.",
        unmap: "Memory is unmapped.",
        protect: "The protection changes.",
        discard: "The contents are dropped.",
        free: "The contents are not needed any more, and stay until memory is short.",
        pageout: "A page is written out.",
        remap: "Memory moves to other addresses of the process.",
        split: "A huge page is mapped as small ones.",
        fork: "A child shares the memory from now on.",
        copy_on_write: "A shared page is copied for its writer.",
        exit: "The process ends.",
        asked: "The scenario requested it.",
      }),
    },
  },
  ...VFIO_EVENTS,
  ...ODP_EVENTS,
  "inject": {
    when: "a fault was injected: the nth hit of a point failed",
    fields: { point: TEXT, nth: INT, error: either(either(ERRNO_NAME, FAULT_REASON), STATUS) },
  },
} satisfies EventTable;
