/** Words of the options of `kernel trace`. */

export const TRACED_DEVICE_NAMES = [
  "e1000e",
  "igb",
  "ahci",
  "virtio-blk",
  "xhci",
  "nvme",
  "edu",
] as const;
export type TracedDeviceName = typeof TRACED_DEVICE_NAMES[number];

/** Work that the guest does with a device. */
export const WORKS = ["read", "write", "net", "suspend", "unbind"] as const;
export type DeviceWork = (typeof WORKS)[number];

/** IOMMUs of QEMU. */
export const TRACE_IOMMUS = [
  "vtd",
  "vtd_scalable",
  "vtd_first_stage",
  "amd",
  "virtio",
  "smmu",
] as const;
export type TraceIommu = (typeof TRACE_IOMMUS)[number];

/** How the device's addresses are translated. */
export const TRACE_MODES = ["strict", "lazy", "passthrough", "off", "bounced"] as const;
export type TraceMode = (typeof TRACE_MODES)[number];

/** The options of the command that are for `kernel trace` alone. */
export const TRACE_OPTIONS = [
  "device",
  "module",
  "parameters",
  "work",
  "iommu",
  "mode",
  "against",
  "against-modules",
] as const;
