/** A plain PCI endpoint: it does DMA when told to, and may lend memory to its peers. */
import { isPowerOfTwo, roundUpPowerOfTwo } from "../../runtime/address.ts";
import type { Machine } from "../../runtime/machine.ts";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import {
  attachDmaDevice,
  checkSettings,
  COMMON_SETTINGS,
  settingError,
} from "../device_settings.ts";
import type { BarRequest } from "../pci/pci_function.ts";
import type { PciDevice } from "../pci/pci_tree.ts";

/** A plain function of a lab. */
export type EndpointDevice = DeviceBase<"endpoint">;

export const ENDPOINT: DeviceKind<EndpointDevice> = {
  kind: "endpoint",
  doc: "A device that does DMA on demand and may have memory of its own.",
  settings: [...COMMON_SETTINGS, "barBytes", "p2pmemBytes"],

  bars(device: PciDevice): readonly BarRequest[] {
    checkSettings(device, ENDPOINT.settings);
    const { name, settings } = device.node;
    const peerBytes = settings.p2pmemBytes ?? 0;
    const barBytes = settings.barBytes ?? 0;
    if (barBytes === 0 && peerBytes === 0) return [];
    const sizeBytes = barBytes === 0 ? roundUpPowerOfTwo(peerBytes) : barBytes;
    if (!isPowerOfTwo(sizeBytes)) {
      throw settingError(
        device,
        "bar",
        `The BAR of "${name}" cannot be ${sizeBytes} bytes: it is no power of two`,
        `${roundUpPowerOfTwo(sizeBytes)} is the next one`,
      );
    }
    if (peerBytes > sizeBytes) {
      throw settingError(
        device,
        "p2pmem",
        `"${name}" cannot lend ${peerBytes} bytes of a BAR of ${sizeBytes}`,
      );
    }
    return [{ index: 0, sizeBytes, peerBytes }];
  },

  create(machine: Machine, device: PciDevice): EndpointDevice {
    return {
      name: device.node.name,
      kind: "endpoint",
      dma: attachDmaDevice(machine, device, { minAlignBytes: 1, maxSegmentSizeBytes: 65536 }),
      function: device.func,
    };
  },
};
