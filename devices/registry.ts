/** The kinds of devices a machine can have. To add one, add its folder and one line here. */
import type { DeviceKind } from "./device_kind.ts";
import { ENDPOINT } from "./endpoint/endpoint.ts";
import { NVME } from "./nvme/nvme_device.ts";
import { RDMA } from "./rdma/rdma_device.ts";
import { VFIO } from "./vfio/vfio_device.ts";

export const DEVICE_KINDS = [NVME, ENDPOINT, VFIO, RDMA] as const;

/** A device of a lab; its `kind` says what else it has. */
export type LabDevice = ReturnType<(typeof DEVICE_KINDS)[number]["create"]>;

/** The word of a kind of device. */
export type DeviceWord = LabDevice["kind"];

/** A device of one kind. */
export type DeviceOf<K extends DeviceWord> = Extract<LabDevice, { readonly kind: K }>;

/** The kind of device that a block's keyword names, or undefined. */
export function deviceKind(keyword: string): DeviceKind<LabDevice> | undefined {
  return DEVICE_KINDS.find(({ kind }) => kind === keyword);
}
