/** The tables of RDMA devices: their memory regions, and the pages in the devices' tables. */
import type { VirtAddr } from "@dmalab/runtime";
import type { AnyTableSpec, HistoryTableSpec } from "@dmalab/runtime/recording";
import { DMA, MAPPING_EVENTS, SIZE, TEXT, VIRT } from "@dmalab/runtime/vocabulary";

const REGION_FIELDS = { device: TEXT, region: TEXT, virt: VIRT, size_bytes: SIZE };

const REGIONS: HistoryTableSpec<typeof REGION_FIELDS, "odp_regions"> = {
  name: "odp_regions",
  doc: "Memory of a process is registered for an RDMA device, in whole pages.",
  fields: REGION_FIELDS,
  key: ["device", "region"],
  changes: {
    "odp.region": (rows, { seq, device, fields: { region, size_bytes, state, virt } }) => {
      if (state === "registered") rows.begin(seq, { device: device!, region, virt, size_bytes });
      else rows.end(seq, [device!, region]);
    },
  },
};

const PAGE_FIELDS = {
  device: TEXT,
  region: TEXT,
  virt: VIRT,
  size_bytes: SIZE,
  dma: DMA,
  prot: MAPPING_EVENTS["iommu.map"].fields.prot,
};

const PAGES: HistoryTableSpec<typeof PAGE_FIELDS, "odp_pages"> = {
  name: "odp_pages",
  doc: "An RDMA device's own table leads these addresses of a process to addresses for DMA.",
  fields: PAGE_FIELDS,
  key: ["device", "region", "virt"],
  size: "size_bytes",
  moving: ["virt", "dma"],
  changes: {
    "odp.table": (rows, { seq, device, fields: { region, runs, size_bytes, virt } }) => {
      rows.endRange(seq, [device!, region], virt, virt + size_bytes);
      for (const [start, dma, sizeBytes, prot] of runs) {
        rows.begin(seq, {
          device: device!,
          region,
          virt: start as VirtAddr,
          size_bytes: sizeBytes,
          dma,
          prot,
        });
      }
    },
    "odp.region": (rows, { seq, device, fields: { region, state } }) => {
      if (state === "released") rows.endAll(seq, [device!, region]);
    },
  },
};

export const RDMA_TABLES = [REGIONS, PAGES] as const satisfies readonly AnyTableSpec[];
