/** An RDMA device with its driver, as a block of the machine makes it. */
import { KIB } from "../../runtime/address.ts";
import type { Machine } from "../../runtime/machine.ts";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import { attachDmaDevice, checkSettings, COMMON_SETTINGS } from "../device_settings.ts";
import type { BarRequest } from "../pci/pci_function.ts";
import type { PciDevice } from "../pci/pci_tree.ts";
import { RdmaAdapter } from "./rdma_adapter.ts";

/** A region is one range, however long: its driver says that segments may be. */
const MAX_SEGMENT_BYTES = 2 ** 31;
/** One update of the device's table: 8192 entries. */
const UPDATE_BYTES = 64 * KIB;

/** An RDMA device of a lab. */
export interface RdmaDevice extends DeviceBase<"rdma"> {
  readonly adapter: RdmaAdapter;
}

export const RDMA: DeviceKind<RdmaDevice> = {
  kind: "rdma",
  doc: "An RDMA device whose memory regions are paged on demand.",
  settings: [...COMMON_SETTINGS, "software", "updateBytes"],

  bars(device: PciDevice): readonly BarRequest[] {
    checkSettings(device, RDMA.settings);
    return [];
  },

  create(machine: Machine, device: PciDevice): RdmaDevice {
    const { name, settings } = device.node;
    const dma = attachDmaDevice(machine, device, {
      minAlignBytes: 1,
      maxSegmentSizeBytes: MAX_SEGMENT_BYTES,
    });
    return {
      name,
      kind: "rdma",
      dma,
      function: device.func,
      adapter: new RdmaAdapter(
        machine,
        name,
        settings.software === true ? null : dma,
        settings.updateBytes ?? UPDATE_BYTES,
      ),
    };
  },
};
