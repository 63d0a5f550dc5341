/** The devices of `kernel trace`: one row each. */
import { COMMON_FOLDERS, NVME_DRIVER } from "../image/kernel_files.ts";
import type { DeviceWork, TracedDeviceName, TraceMode } from "./trace_words.ts";

/** A device of QEMU that a driver of the kernel drives. */
interface TracedDevice {
  /** Arguments of QEMU; the device is at `DEVICE_ADDRESS`. */
  readonly args: readonly string[];
  /** The module with the device's driver; null for a device without a driver of the kernel. */
  readonly driver: string | null;
  /** Begin of the names of parameters that show that the driver is built in (default: the module's name). */
  readonly parameters?: string;
  /** Modules that are loaded before the driver, such as a disk's own driver. */
  readonly helpers: readonly string[];
  /** Folders of the kernel's modules with these modules. */
  readonly folders: readonly string[];
  /** Work that the device can do; the first ones, up to `usual`, are done unless others are named. */
  readonly works: readonly DeviceWork[];
  readonly usual: number;
}

/** Device number on the root bus. */
const SLOT = "0x8";
/** The device's address in the guest. */
export const DEVICE_ADDRESS = "0000:00:08.0";

const PLACE = `bus=pcie.0,addr=${SLOT}`;
const MEDIA_BYTES = 2 ** 30;
const MEDIA = [
  "-blockdev",
  `driver=null-co,node-name=media,size=${MEDIA_BYTES},read-zeroes=on,latency-ns=1000000`,
];
const DISK = { works: ["read", "write", "suspend", "unbind"], usual: 2 } as const;
const SCSI_DISK = ["crct10dif_generic", "crc64_rocksoft_generic", "sd_mod"];

/** @param model A network card of QEMU; the guest reaches nothing but QEMU's own gateway. */
const network = (model: string) =>
  ({
    args: [
      "-netdev",
      "user,id=net,restrict=on",
      "-device",
      `${model},netdev=net,${PLACE},mac=52:54:00:12:34:56,romfile=`,
    ],
    driver: model,
    helpers: [],
    folders: [
      "drivers/net/ethernet/intel",
      "drivers/ptp",
      "drivers/pps",
      "drivers/dca",
      "drivers/i2c",
      ...COMMON_FOLDERS,
    ],
    works: ["net", "suspend", "unbind"],
    usual: 1,
  }) as const;

export const TRACED_DEVICES: Readonly<Record<TracedDeviceName, TracedDevice>> = {
  e1000e: network("e1000e"),
  igb: network("igb"),
  ahci: {
    args: [
      ...MEDIA,
      "-device",
      `ahci,id=sata,${PLACE}`,
      "-device",
      "ide-hd,drive=media,bus=sata.0",
    ],
    driver: "ahci",
    helpers: SCSI_DISK,
    folders: ["drivers/ata", "drivers/scsi", ...COMMON_FOLDERS],
    ...DISK,
  },
  "virtio-blk": {
    // Without the platform's DMA the driver uses physical addresses, and no DMA API.
    args: [
      ...MEDIA,
      "-device",
      `virtio-blk-pci,drive=media,${PLACE},disable-legacy=on,iommu_platform=on`,
    ],
    driver: "virtio_blk",
    helpers: ["virtio_pci"],
    folders: ["drivers/virtio", "drivers/block", ...COMMON_FOLDERS],
    ...DISK,
  },
  xhci: {
    args: [
      ...MEDIA,
      "-device",
      `qemu-xhci,id=usb,${PLACE}`,
      "-device",
      "usb-storage,bus=usb.0,drive=media",
    ],
    driver: "xhci_pci",
    parameters: "xhci_hcd.",
    helpers: [...SCSI_DISK, "usb_storage"],
    folders: ["drivers/usb", "drivers/scsi", ...COMMON_FOLDERS],
    ...DISK,
  },
  nvme: {
    args: [...MEDIA, "-device", `nvme,id=nvme,${PLACE},drive=media,serial=lab`],
    driver: NVME_DRIVER.module,
    parameters: NVME_DRIVER.parameters,
    helpers: ["crct10dif_generic", "crc64_rocksoft_generic"],
    folders: ["drivers/nvme", ...COMMON_FOLDERS],
    ...DISK,
  },
  edu: {
    args: ["-device", `edu,${PLACE}`],
    driver: null,
    helpers: [],
    folders: COMMON_FOLDERS,
    works: ["suspend", "unbind"],
    usual: 0,
  },
};

/** The type of the domain of the device's group in each mode. */
export const DOMAIN_OF: Readonly<Record<TraceMode, string>> = {
  strict: "DMA",
  lazy: "DMA-FQ",
  passthrough: "identity",
  off: "none",
  bounced: "none",
};
