/** The table of page-table entries: what each device's IO page table leads to. */
import { protectionWord } from "../../iommu/page_table.ts";
import type { DmaAddr, PhysAddr } from "../../address.ts";
import { hexAddress } from "../../dma/hex_address.ts";
import { DMA, PHYS, SIZE, TEXT } from "../../vocabulary/fields.ts";
import { MAPPING_EVENTS } from "../../vocabulary/mapping_events.ts";
import type { HistoryTableSpec } from "../history_table_spec.ts";

const FIELDS = {
  device: TEXT,
  iova: DMA,
  phys: PHYS,
  size_bytes: SIZE,
  prot: MAPPING_EVENTS["iommu.map"].fields.prot,
};

export const PAGE_TABLE: HistoryTableSpec<typeof FIELDS, "page_table"> = {
  name: "page_table",
  doc: "A device's IO page table leads these addresses to memory.",
  fields: FIELDS,
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
    for (const { name, table } of iommu.domains) {
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
