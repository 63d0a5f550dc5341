/** The kinds of devices a machine can have. To add one, add its file and one line here. */
import type { DeviceKind } from "./device_kind.ts";
import { ENDPOINT } from "./endpoint/endpoint.ts";
import { NVME } from "./nvme/nvme_device.ts";
import { RDMA } from "./rdma/rdma_device.ts";
import { VFIO } from "./vfio/vfio_device.ts";

export const DEVICE_KINDS: readonly DeviceKind[] = [NVME, ENDPOINT, VFIO, RDMA];

/** The kind of device that a block's keyword names, or undefined. */
export function deviceKind(keyword: string): DeviceKind | undefined {
  return DEVICE_KINDS.find(({ kind }) => kind === keyword);
}
