/** The table of the areas that processes have mapped for devices by VFIO. */
import { hexAddress } from "@dmalab/runtime/dma";
import type { AnyTableSpec, HistoryTableSpec } from "@dmalab/runtime/recording";
import { DMA, SIZE, TEXT, VIRT } from "@dmalab/runtime/vocabulary";

const AREA_FIELDS = { device: TEXT, iova: DMA, virt: VIRT, size_bytes: SIZE };

/** The address `virt` is that of the memory when it was mapped. */
export const VFIO_AREAS: HistoryTableSpec<typeof AREA_FIELDS, "vfio_areas"> = {
  name: "vfio_areas",
  doc: "A process has mapped memory for the devices of IOMMU groups by VFIO. `device` is the one " +
    "for which its container got the first of them.",
  fields: AREA_FIELDS,
  key: ["device", "iova"],
  size: "size_bytes",
  moving: ["iova", "virt"],
  changes: {
    "vfio.map_dma": (rows, { seq, device, fields: { error, flags, iova, size_bytes, virt } }) => {
      if (error !== null || flags.includes("vaddr")) return;
      rows.begin(seq, { device: device!, iova, virt, size_bytes });
    },
    "vfio.unmap_dma": (rows, { seq, device, fields: { error, flags, iova, size_bytes } }) => {
      if (error !== null || flags.includes("vaddr")) return;
      if (flags.includes("all")) rows.endAll(seq, [device!]);
      else rows.endRange(seq, [device!], iova, iova + size_bytes);
    },
    "vfio.container": (rows, { seq, device, fields: { devices, state } }) => {
      const isEmpty = state === "closed" || (state === "group_removed" && devices.length === 0);
      if (isEmpty && device !== null) rows.endAll(seq, [device]);
    },
  },
  leak: {
    kind: "vfio_area",
    at: ({ iova, size_bytes }) => [iova, size_bytes],
    text: (bytes, start) =>
      `${bytes} bytes of a process are still mapped at ${hexAddress(start)}, and the process has ` +
      "not ended",
  },
};

export const CONTAINER_TABLES = [VFIO_AREAS] as const satisfies readonly AnyTableSpec[];
