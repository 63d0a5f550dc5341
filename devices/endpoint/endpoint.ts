/** A plain PCI endpoint: it does DMA when told to, and may lend memory to its peers. */
import { isPowerOfTwo, KIB, roundUpPowerOfTwo, TIB } from "../../runtime/address.ts";
import { pages, setting } from "../../runtime/settings.ts";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import { attachDmaDevice, deviceSettings, P2PMEM, settingError } from "../device_settings.ts";

/** A plain function of a lab. */
export type EndpointDevice = DeviceBase<"endpoint">;

const SETTINGS = {
  barBytes: setting("bar", pages(4 * KIB, TIB, { none: 0 }), 0, {
    doc: "Its window of memory that CPUs and peers can address.",
  }),
  p2pmemBytes: P2PMEM,
  ...deviceSettings({ minAlignBytes: 1, maxSegmentSizeBytes: 64 * KIB }),
};

export const ENDPOINT: DeviceKind<typeof SETTINGS, EndpointDevice> = {
  kind: "endpoint",
  doc: "Any other PCI function that does DMA.",
  role: "endpoint",
  settings: SETTINGS,

  bars(device) {
    const { barBytes, p2pmemBytes: peerBytes } = device.settings;
    if (barBytes === 0 && peerBytes === 0) return [];
    const sizeBytes = barBytes === 0 ? roundUpPowerOfTwo(peerBytes) : barBytes;
    if (!isPowerOfTwo(sizeBytes)) {
      throw settingError(
        device,
        "bar",
        `The BAR of "${device.name}" cannot be ${sizeBytes} bytes: it is no power of two`,
        `${roundUpPowerOfTwo(sizeBytes)} is the next one`,
      );
    }
    if (peerBytes > sizeBytes) {
      throw settingError(
        device,
        "p2pmem",
        `"${device.name}" cannot lend ${peerBytes} bytes of a BAR of ${sizeBytes}`,
      );
    }
    return [{ index: 0, sizeBytes, peerBytes }];
  },

  create: (machine, device) => ({
    name: device.name,
    kind: "endpoint",
    dma: attachDmaDevice(machine, device),
    function: device.func,
  }),
};
