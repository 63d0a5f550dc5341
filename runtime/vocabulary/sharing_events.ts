/** Events of memory that devices and processes share: peers, page-wise maps, migration, RDMA. */
import type { EventTable } from "./event_table.ts";
import {
  BOOL,
  DMA,
  either,
  INT,
  NAMES,
  optional,
  PHYS,
  SIZE,
  TABLE_RUNS,
  TEXT,
  told,
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

export const VFIO_EVENTS = {
  "vfio.buffer": {
    when: "a migration buffer was allocated, taken from the spare ones, put there, or freed",
    fields: {
      buffer: told(INT, "its number"),
      action: word("what became of a migration buffer", {
        allocated: "It is new.",
        reused: "It is a spare one.",
        put: "It is spare from here on.",
        freed: "Nothing of it is left.",
      }),
      pages: INT,
      dir: told(optional(DIRECTION), "none for one that is never mapped"),
    },
  },
  "vfio.add_pages": {
    when: "pages were taken in bulk for a migration buffer, as many as could be had",
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
      dma: told(DMA, "of the first"),
      rule: WAY,
      dir: optional(DIRECTION),
    },
  },
  "vfio.unwind": {
    when: "a page of a migration buffer could not be mapped: those before it are undone",
    fields: { buffer: INT, mapped_pages: INT, pages: INT, rule: WAY, error: ERRNO_NAME },
  },
  "vfio.unregister": {
    when: "the mappings of a migration buffer ended",
    fields: { buffer: INT, pages: INT, dma: DMA, rule: WAY, dir: optional(DIRECTION) },
  },
  "vfio.key": {
    when: "a device made a key to a migration buffer out of its table, or forgot one",
    fields: {
      buffer: INT,
      key: INT,
      entries: INT,
      size_bytes: SIZE,
      state: word("what became of a key", {
        made: "The device has read its table.",
        destroyed: "The device has forgotten it.",
      }),
    },
  },
  "vfio.data": {
    when: "a device moved a page of migration data",
    fields: {
      key: INT,
      index: told(INT, "in the key's table"),
      dma: DMA,
      size_bytes: SIZE,
      access: ACCESS,
    },
  },
  "vfio.dirty": {
    when: "a device reported pages that it has written",
    fields: { records: INT, more: told(BOOL, "the buffer had no room for all") },
  },
} satisfies EventTable;

export const ODP_EVENTS = {
  "odp.fault": {
    when: "an RDMA device accessed a page that its table does not have",
    fields: {
      region: TEXT,
      virt: VIRT,
      size_bytes: told(SIZE, "what is left of the access"),
      access: ACCESS,
    },
  },
  "odp.handled": {
    when: "the host ended a page fault of an RDMA device",
    fields: { region: TEXT, virt: VIRT, pages: INT, result: RESULT },
  },
  "odp.retry": {
    when: "a process's page table was read in vain",
    fields: {
      region: TEXT,
      cause: word("why a page table was read in vain", {
        busy: "It was changing.",
        sequence: "It has changed since.",
      }),
    },
  },
  "odp.region": {
    when: "memory of a process was registered for an RDMA device, or is not any more",
    fields: {
      region: TEXT,
      state: word("what became of a memory region", {
        registered: "The device may use it; no page of it is in its table.",
        released: "The device has forgotten it, and its table.",
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
      valid: told(INT, "0: they are taken out"),
      virt: told(VIRT, "what the first entry is of"),
      size_bytes: told(SIZE, "what all of them are of"),
      runs: told(TABLE_RUNS, "those that are there now, side by side ones as one"),
    },
  },
  "odp.invalidate": {
    when: "pages were taken back from an RDMA device",
    fields: {
      region: TEXT,
      virt: VIRT,
      size_bytes: SIZE,
      zapped: told(INT, "entries of the table"),
      unmapped: told(INT, "pages"),
    },
  },
  "odp.dirty": {
    when: "a page that an RDMA device may have written was marked as written",
    fields: { region: TEXT, phys: PHYS },
  },
} satisfies EventTable;

export const SHARING_EVENTS = {
  "p2p.route": {
    when: "a route between two PCI functions was worked out",
    fields: {
      provider: TEXT,
      client: TEXT,
      distance: told(optional(INT), "none when there is no way"),
      map_type: PEER_ROUTE,
      hops: NAMES,
      cached: BOOL,
    },
  },
  "p2p.provider": {
    when: "a device began, changed or ended lending its memory to peers",
    fields: {
      provider: TEXT,
      state: word("state of a provider of peer memory", {
        initialised: "Known as a provider, without memory that has pages.",
        unpublished: "It has memory for peers, which is not offered to those who look for some.",
        published: "It has memory for peers, and is found by those who look for some.",
        unbinding: "Its driver is leaving and waits for the last page.",
        unbound: "Its driver has left.",
      }),
      size_bytes: SIZE,
      available_bytes: SIZE,
      references: INT,
    },
  },
  "p2p.choose": {
    when: "a provider was chosen for some clients",
    fields: {
      clients: NAMES,
      provider: told(optional(TEXT), "none when none reaches all of them"),
      distance: optional(INT),
      tied: told(NAMES, "who was equally near"),
    },
  },
  "pci.tlp": {
    when: "a transaction to a peer's memory went from one function to the next; of completions " +
      "only those are told that did not take the way of their request",
    fields: {
      from: TEXT,
      to: TEXT,
      hop: told(INT, "counted from 1"),
      address: told(DMA, "as it is on that hop"),
      verdict: word("verdict on a transaction", {
        forward: "Passed on.",
        redirect: "Sent up.",
        block: "Stopped.",
      }),
      kind: word("transaction", {
        read: "A device asks for memory.",
        write: "A device sends what is to be written.",
        completion: "The answer to a read.",
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
      brought_in: told(INT, "pages that were not there, or not writable"),
      result: RESULT,
    },
  },
  "hmm.invalidate": {
    when: "a part of a process's address space is about to change: whoever shares it with a " +
      "device is told",
    fields: {
      virt: VIRT,
      size_bytes: SIZE,
      reason: word("why an address space changes", {
        migrate: "A page moves to other memory.",
        unmap: "Memory is taken away.",
        protect: "What the process may do with it changes.",
        discard: "The contents are not needed any more.",
        free: "The contents are not needed any more, and stay while there is memory enough.",
        pageout: "A page is written out.",
        remap: "Memory moves to other addresses of the process.",
        split: "A huge page is mapped as small ones.",
        fork: "A child shares the memory from now on.",
        copy_on_write: "A page that others have too is copied for its writer.",
        exit: "The process ends.",
        asked: "Somebody asked for it.",
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
