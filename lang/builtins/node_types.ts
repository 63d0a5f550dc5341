/** The type of each kind of block that binds a name. */
import type { PciNodeConfig } from "../../devices/lab_config.ts";
import {
  DEVICE_KINDS,
  type DeviceOf,
  type DeviceWord,
  type LabDevice,
} from "../../devices/registry.ts";
import type { TypeSpec } from "../values/spec.ts";
import { Handle } from "../values/value.ts";
import { NVME } from "./things/nvme/nvme.ts";
import { ENDPOINT } from "./things/pci/endpoint.ts";
import { PORT } from "./things/pci/port.ts";
import { RDMA } from "./things/rdma/rdma.ts";
import { VFIO } from "./things/vfio/vfio.ts";

const DEVICE_TYPES: { readonly [K in DeviceWord]: TypeSpec<DeviceOf<K>> } = {
  nvme: NVME,
  endpoint: ENDPOINT,
  vfio: VFIO,
  rdma: RDMA,
};

/** The types of the devices that a page of the reference describes. */
export function deviceTypes(page: string): TypeSpec[] {
  return DEVICE_KINDS.filter((kind) => kind.page === page).map(({ kind }) => DEVICE_TYPES[kind]);
}

/** The type of what a block of this kind is in a script: a device, or else a port. */
export function nodeType(kind: PciNodeConfig["kind"]): TypeSpec {
  return kind in DEVICE_TYPES ? DEVICE_TYPES[kind as DeviceWord] : PORT;
}

export function deviceValue(device: LabDevice): Handle {
  return new Handle(DEVICE_TYPES[device.kind], device);
}
