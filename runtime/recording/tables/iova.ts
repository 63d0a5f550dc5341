/** The table of IO virtual addresses: the ranges that drivers hold. */
import type { DmaAddr } from "../../address.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import { DMA, SIZE, TEXT } from "../../vocabulary/fields.ts";
import type { FactTableSpec } from "../fact_table.ts";

const FIELDS = { device: TEXT, start: DMA, size_bytes: SIZE };

export const IOVA: FactTableSpec<typeof FIELDS> = {
  name: "iova",
  doc: "A range of IO addresses is reserved, whether or not anything is mapped there.",
  fields: FIELDS,
  key: ["device", "start"],
  size: "size_bytes",
  changes: {
    "iova.alloc": (rows, { seq, device, fields: { size_bytes, start } }) => {
      rows.begin(seq, { device: device!, start, size_bytes });
    },
    "iova.free": (rows, { seq, device, fields: { start } }) => {
      rows.end(seq, [device!, start]);
    },
  },
  read: ({ iommu }, add) => {
    for (const domain of iommu.domains) {
      const { device, granuleBytes } = domain;
      forEachHeld(domain, (pfn, pfns) => {
        const start = pfn * granuleBytes as DmaAddr;
        add({ device: device.name, start, size_bytes: pfns * granuleBytes });
      });
    }
  },
};

/** Calls back with every range that is neither kept for the next one nor waits for a flush. */
function forEachHeld(domain: IommuDomain, visit: (pfn: number, pfns: number) => void): void {
  const { flushQueue, granuleBytes, iova, reserved } = domain;
  const back = new Set<number>();
  flushQueue?.forEach((pfn) => back.add(pfn));
  iova.cache.forEach((pfn) => back.add(pfn));
  iova.ranges.forEach((lo, hi) => {
    const first = lo * granuleBytes;
    const end = (hi + 1) * granuleBytes;
    if (back.has(lo)) return;
    if (reserved.some((range) => range.start < end && range.end > first)) return;
    visit(lo, hi - lo + 1);
  });
}
