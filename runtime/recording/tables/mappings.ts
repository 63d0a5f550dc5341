/**
 * The table of live mappings: all mappings of a device, whatever call made them. Its rows come only
 * from events; each output of a scatterlist is one row. Leak reports use the rows to find the event
 * of a checker record.
 */
import { DMA, PHYS, SIZE, TEXT } from "../../vocabulary/fields.ts";
import { MAPPING_EVENTS } from "../../vocabulary/mapping_events.ts";
import { DIRECTION, PATH } from "../../vocabulary/shared_words.ts";
import type { HistoryTableSpec } from "../history_table_spec.ts";

const FIELDS = {
  device: TEXT,
  dma: DMA,
  phys: PHYS,
  size_bytes: SIZE,
  dir: DIRECTION,
  path: PATH,
  api: MAPPING_EVENTS["dma.map"].fields.api,
};

export const MAPPINGS: HistoryTableSpec<typeof FIELDS, "mappings"> = {
  name: "mappings",
  doc: "A driver has mapped memory for a device. Each link of an IOVA range has a row; " +
    "`iommu.live_mappings` counts the range once. Where a request needs no unmap, its rows last " +
    "until the driver is through with it.",
  fields: FIELDS,
  // Without an IOMMU the same memory may be mapped several times at the same address.
  key: ["device", "dma"],
  isBag: true,
  size: "size_bytes",
  changes: {
    "dma.map": (rows, { seq, device, fields, request }) => {
      rows.begin(seq, { device: device!, ...fields }, request);
    },
    "dma.unmap": (rows, { seq, device, fields: { dir, dma, size_bytes } }) => {
      rows.endRun(
        seq,
        [device!],
        dma,
        size_bytes,
        (row) => (row.size_bytes === size_bytes ? 2 : 0) + (row.dir === dir ? 1 : 0),
      );
    },
    // With the rule `nothing`, the driver skips the unmap of this request, because dma_need_unmap()
    // returned false.
    "nvme.unmap": (rows, { seq, fields: { rule }, request }) => {
      rows.endRequest(rule === "nothing" ? seq : null, request);
    },
  },
  // No initial rows: bring-up makes no streaming mappings, only coherent memory.
};
