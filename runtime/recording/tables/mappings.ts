/** The table of live mappings that need an unmap: what drivers have mapped for a device, by whichever call. */
import { DMA, PHYS, SIZE, TEXT } from "../../vocabulary/fields.ts";
import { MAPPING_EVENTS } from "../../vocabulary/mapping_events.ts";
import { DIRECTION, PATH } from "../../vocabulary/shared_words.ts";
import type { FactTableSpec } from "../fact_table_spec.ts";

const FIELDS = {
  device: TEXT,
  dma: DMA,
  phys: PHYS,
  size_bytes: SIZE,
  dir: DIRECTION,
  path: PATH,
  api: MAPPING_EVENTS["dma.map"].fields.api,
};

export const MAPPINGS: FactTableSpec<typeof FIELDS, "mappings"> = {
  name: "mappings",
  doc:
    "A driver has mapped memory for a device and has to unmap it. Each link of an IOVA range has " +
    "a row; `iommu.live_mappings` counts the range once.",
  fields: FIELDS,
  // Without an IOMMU the same memory may be mapped several times at the same address.
  key: ["device", "dma"],
  isBag: true,
  size: "size_bytes",
  changes: {
    "dma.map": (rows, { seq, device, fields }) => {
      rows.begin(seq, { device: device!, ...fields });
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
    // A driver asks dma_need_unmap() and skips the unmap: so need all mappings of the device so far.
    "nvme.unmap": (rows, { seq, device, fields: { rule } }) => {
      if (rule === "nothing") rows.endAll(seq, [device!]);
    },
  },
  // Bringing a machine up maps nothing that streams: what devices share with drivers is coherent.
};
