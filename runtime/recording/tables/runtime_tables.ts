/** The tables of the kernel's side, which every machine has. */
import { type DmaAddr, hexAddress, type PhysAddr } from "../../address.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import { freedPfns } from "../../iommu/iova_allocator.ts";
import { protectionWord } from "../../iommu/page_table.ts";
import { DMA, INT, optional, PHYS, SIZE, TEXT, word } from "../../vocabulary/fields.ts";
import { MAPPING_EVENTS } from "../../vocabulary/mapping_events.ts";
import type { AnyTableSpec, HistoryTableSpec } from "../history_table_spec.ts";
import { HELD_TABLES } from "./held.ts";
import { MAPPINGS } from "./mappings.ts";

const PAGE_TABLE_FIELDS = {
  device: TEXT,
  iova: DMA,
  phys: PHYS,
  size_bytes: SIZE,
  prot: MAPPING_EVENTS["iommu.map"].fields.prot,
};

/** Page-table entries: the mappings in each device's IO page table. */
const PAGE_TABLE: HistoryTableSpec<typeof PAGE_TABLE_FIELDS, "page_table"> = {
  name: "page_table",
  doc: "A device's IO page table leads these addresses to memory.",
  fields: PAGE_TABLE_FIELDS,
  key: ["device", "iova"],
  size: "size_bytes",
  moving: ["iova", "phys"],
  changes: {
    "iommu.map": (rows, { seq, domain, fields: { iova, phys, prot, size_bytes } }) => {
      rows.begin(seq, { device: domain, iova, phys, size_bytes, prot });
    },
    "iommu.unmap": (rows, { seq, domain, fields: { iova, unmapped_bytes } }) => {
      rows.endRange(seq, [domain], iova, iova + unmapped_bytes);
    },
  },
  leak: {
    kind: "page_table",
    isForGood: ({ iommu }, { device, iova }) => iommu.keeps(device, iova),
    at: ({ iova, size_bytes }) => [iova, size_bytes],
    text: (bytes, start) =>
      `page-table entries of ${bytes} bytes at ${hexAddress(start)} not cleared`,
  },
  read: ({ iommu }, add) => {
    for (const { name, table } of [...iommu.domains, ...iommu.groups.userDomains]) {
      table.forEachLeaf(0, table.lastAddress, (iova, phys, sizeBytes, flags) => {
        add({
          device: name,
          iova: iova as DmaAddr,
          phys: phys as PhysAddr,
          size_bytes: sizeBytes,
          prot: protectionWord(flags),
        });
      });
    }
  },
};

const IOVA_FIELDS = { device: TEXT, start: DMA, size_bytes: SIZE };

/** IO virtual addresses: allocated ranges, including leaked ones. */
const IOVA: HistoryTableSpec<typeof IOVA_FIELDS, "iova"> = {
  name: "iova",
  doc: "An IOVA range is allocated, whether or not anything is mapped there.",
  fields: IOVA_FIELDS,
  key: ["device", "start"],
  size: "size_bytes",
  moving: ["start"],
  changes: {
    "iova.alloc": (rows, { seq, domain, fields: { size_bytes, start } }) => {
      rows.begin(seq, { device: domain, start, size_bytes });
    },
    // Freeing less than was allocated leaks the rest, which stays a row.
    "iova.free": (rows, { seq, domain, granuleBytes, fields: { size_bytes, start } }) => {
      const freedBytes = freedPfns(size_bytes / granuleBytes) * granuleBytes;
      const owner = [domain];
      if (freedBytes === Infinity) return void rows.end(seq, [domain, start]);
      const end = start + size_bytes;
      rows.endRange(seq, owner, start, end);
      if (freedBytes > size_bytes && rows.held([domain, end]) !== null) {
        rows.endRange(seq, owner, end, start + freedBytes);
      }
    },
  },
  leak: {
    kind: "iova",
    isForGood: ({ iommu }, { device, start }) => iommu.keeps(device, start),
    at: ({ size_bytes, start }) => [start, size_bytes],
    text: (bytes, start) => `${bytes}-byte IOVA range at ${hexAddress(start)} not freed`,
  },
  read: ({ iommu }, add) => {
    for (const domain of iommu.domains) {
      const { name, granuleBytes } = domain;
      forEachHeld(domain, (pfn, pfns) => {
        const start = pfn * granuleBytes as DmaAddr;
        add({ device: name, start, size_bytes: pfns * granuleBytes });
      });
    }
  },
};

/**
 * Calls back with every allocated range, or part of a range, that is neither cached nor queued for
 * a flush.
 */
function forEachHeld(domain: IommuDomain, visit: (pfn: number, pfns: number) => void): void {
  const { flushQueue, granuleBytes, iova, reserved } = domain;
  const freed = new Map<number, number>();
  flushQueue?.forEach((pfn, pfns) => freed.set(pfn, freedPfns(pfns)));
  iova.cache.forEach((pfn, sizeClass) => freed.set(pfn, 1 << sizeClass));
  iova.ranges.forEach((lo, hi) => {
    const first = lo * granuleBytes;
    const end = (hi + 1) * granuleBytes;
    const held = lo + (freed.get(lo) ?? 0);
    if (held > hi) return;
    if (reserved.some((range) => range.start < end && range.end > first)) return;
    visit(held, hi - held + 1);
  });
}

/** The flush queue: IOVA ranges queued for a deferred flush, not freed yet. */
const FLUSH_QUEUE: HistoryTableSpec<typeof IOVA_FIELDS, "flush_queue"> = {
  name: "flush_queue",
  doc: "An unmapped IOVA range is queued for a deferred flush.",
  fields: IOVA_FIELDS,
  key: ["device", "start"],
  size: "size_bytes",
  changes: {
    "iova.free": (rows, { seq, domain, fields: { size_bytes, start, to } }) => {
      if (to === "flush_queue") rows.begin(seq, { device: domain, start, size_bytes });
      else rows.end(seq, [domain, start]);
    },
  },
  read: ({ iommu }, add) => {
    for (const { name, flushQueue, granuleBytes } of iommu.domains) {
      flushQueue?.forEach((pfn, pfns) => {
        const start = pfn * granuleBytes as DmaAddr;
        add({ device: name, start, size_bytes: pfns * granuleBytes });
      });
    }
  },
};

const SWIOTLB_FIELDS = { slot: INT, slots: INT, orig_phys: PHYS, tlb_phys: PHYS, size_bytes: SIZE };

/** Bounce buffers: the slots, and the original memory of their bytes. */
const SWIOTLB: HistoryTableSpec<typeof SWIOTLB_FIELDS, "swiotlb"> = {
  name: "swiotlb",
  doc: "Slots of the bounce-buffer pool hold a copy of a buffer.",
  fields: SWIOTLB_FIELDS,
  key: ["slot"],
  size: "size_bytes",
  address: "tlb_phys",
  changes: {
    "swiotlb.map": (rows, { seq, fields: { orig_phys, size_bytes, slot, slots, tlb_phys } }) => {
      rows.begin(seq, { slot, slots, orig_phys, tlb_phys, size_bytes });
    },
    "swiotlb.unmap": (rows, { seq, fields: { slot } }) => {
      rows.end(seq, [slot]);
    },
  },
  leak: {
    kind: "bounce_slots",
    at: ({ slot, slots }) => [slot, slots],
    text: (slots, slot) =>
      slots === 1
        ? `bounce slot ${slot} not freed`
        : `${slots} bounce slots from ${slot} on not freed`,
  },
  read: ({ swiotlb }, add) => {
    swiotlb.forEachBuffer(({ origPhys, sizeBytes, slot, slots, tlbPhys }) => {
      add({ slot, slots, orig_phys: origPhys, tlb_phys: tlbPhys, size_bytes: sizeBytes });
    });
  },
};

const INCIDENTS_FIELDS = {
  kind: word("kind of incident", {
    fault: "A device's access was not translated.",
    report: "The checker found a driver's mistake, or a hazard.",
    warning: "The kernel printed a warning.",
  }),
  device: optional(TEXT),
  text: TEXT,
};

/** Incidents: faults, reports and warnings. They never end. */
const INCIDENTS: HistoryTableSpec<typeof INCIDENTS_FIELDS, "incidents"> = {
  name: "incidents",
  doc: "A fault, a report or a warning was raised.",
  fields: INCIDENTS_FIELDS,
  key: ["kind", "device"],
  isBag: true,
  changes: {
    "iommu.fault": (rows, { seq, device, fields: { reason } }) => {
      rows.begin(seq, { kind: "fault", device, text: reason });
    },
    "dma.report": (rows, { seq, device, fields: { text } }) => {
      rows.begin(seq, { kind: "report", device, text });
    },
    "kernel.warn": (rows, { seq, device, fields: { text } }) => {
      rows.begin(seq, { kind: "warning", device, text });
    },
  },
};

export const RUNTIME_TABLES = [
  PAGE_TABLE,
  IOVA,
  FLUSH_QUEUE,
  MAPPINGS,
  SWIOTLB,
  ...HELD_TABLES,
  INCIDENTS,
] as const satisfies readonly AnyTableSpec[];
