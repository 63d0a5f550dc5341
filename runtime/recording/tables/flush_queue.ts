/** The table of the flush queue: IOVA ranges queued for a deferred flush, not freed yet. */
import type { DmaAddr } from "../../address.ts";
import { DMA, SIZE, TEXT } from "../../vocabulary/fields.ts";
import type { HistoryTableSpec } from "../history_table_spec.ts";

const FIELDS = { device: TEXT, start: DMA, size_bytes: SIZE };

export const FLUSH_QUEUE: HistoryTableSpec<typeof FIELDS, "flush_queue"> = {
  name: "flush_queue",
  doc: "An unmapped IOVA range is queued for a deferred flush.",
  fields: FIELDS,
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
