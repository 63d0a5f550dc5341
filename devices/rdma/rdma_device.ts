/** An RDMA device with its driver, created from a block of the machine. */
import { ODP_EVENTS } from "@dmalab/runtime/vocabulary";
import { BOOL, KIB, MIB, setting, size } from "@dmalab/runtime";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import { deviceSettings } from "../device_settings.ts";
import { RdmaAdapter } from "./rdma_adapter.ts";
import { RDMA_TABLES } from "./recording/rdma_tables.ts";

/** An RDMA device of a lab. */
export interface RdmaDevice extends DeviceBase<"rdma"> {
  /** @internal */
  readonly adapter: RdmaAdapter;
}

const SETTINGS = {
  software: setting("software", BOOL, false, {
    doc: "It is a software device: the CPU copies its data, and nothing is DMA-mapped.",
  }),
  updateBytes: setting("update", size(64, 16 * MIB, { multipleOf: 64 }), 64 * KIB, {
    doc: "How much of its table one update writes, 8 bytes for a page.",
  }),
  // A region is mapped as one range, of any length: the driver allows such segments.
  ...deviceSettings({ minAlignBytes: 1, maxSegmentSizeBytes: 2 ** 31 }),
};

export const RDMA: DeviceKind<typeof SETTINGS, RdmaDevice> = {
  kind: "rdma",
  doc: "An RDMA device whose memory regions are paged on demand.",
  role: "endpoint",
  hasRegisters: false,
  events: ODP_EVENTS,
  tables: RDMA_TABLES,
  settings: SETTINGS,

  bars: () => [],

  create(machine, device) {
    const { dma, func, name, settings } = device;
    return {
      name,
      kind: "rdma",
      dma,
      function: func,
      adapter: new RdmaAdapter(
        machine,
        name,
        settings.software ? null : dma,
        settings.updateBytes,
      ),
    };
  },
};
