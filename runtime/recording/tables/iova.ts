/** The table of IO virtual addresses: the ranges that drivers hold, or have lost. */
import type { DmaAddr } from "../../address.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import { freedPfns } from "../../iommu/iova_allocator.ts";
import { hexAddress } from "../../dma/hex_address.ts";
import { DMA, SIZE, TEXT } from "../../vocabulary/fields.ts";
import type { HistoryTableSpec } from "../history_table_spec.ts";

const FIELDS = { device: TEXT, start: DMA, size_bytes: SIZE };

export const IOVA: HistoryTableSpec<typeof FIELDS, "iova"> = {
  name: "iova",
  doc: "An IOVA range is allocated, whether or not anything is mapped there.",
  fields: FIELDS,
  key: ["device", "start"],
  size: "size_bytes",
  moving: ["start"],
  changes: {
    "iova.alloc": (rows, { seq, domain, fields: { size_bytes, start } }) => {
      rows.begin(seq, { device: domain, start, size_bytes });
    },
    // Freeing less than was allocated loses the rest, which stays a row.
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

/** Calls back with every range, or the rest of one, that is neither cached nor queued for a flush. */
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
