/** Parameters that many kernel functions share. */
import type { DeviceBase } from "@dmalab/devices";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { Handle } from "../../values/value.ts";
import { ValueError } from "../../values/script_error.ts";
import { toAttributes, toDirection } from "../arguments.ts";
import { named, optional, param } from "../describe/parameters.ts";
import { IOVA_STATE } from "../types/dma/iova_state.ts";
import { physOf } from "../types/buffer.ts";

/**
 * A device for which the DMA API can be called. Raises while a user owns its IOMMU group: then no
 * driver of the kernel is bound, and the device is not attached to the domain that the API uses.
 * @see rules/dma.md 9.8
 */
export function driversDevice(dev: DmaDevice): DmaDevice {
  if (dev.group === null || dev.group.userDomain === null) return dev;
  throw new ValueError(
    `The DMA API cannot be called for ${dev.name}: a process owns its IOMMU group, so no driver is bound`,
    "give the group back first: VFIO_GROUP_UNSET_CONTAINER, close() of the container, or iommu.release",
  );
}

/** The DMA side of a device for which the DMA API is called. */
export const DEV = param.of(
  "dev",
  "@device",
  "The device that will use the memory.",
  (value): DmaDevice => driversDevice((value as Handle<DeviceBase>).target.dma),
);
export const STATE = param.handle("state", IOVA_STATE, "The result of iova_state().");
export const PHYS = param.of(
  "phys",
  ["phys", "@buffer"],
  "Physical address of the first byte, or a buffer that begins there.",
  physOf,
);
export const SIZE = param.size("size", "How many bytes.");
/** The argument that selects GFP_ATOMIC, for functions with the context `gfp`. */
export const ATOMIC = named(
  param.bool("atomic", "As with GFP_ATOMIC: it does not sleep. False is GFP_KERNEL."),
  false,
);
export const DIR = param.of(
  "dir",
  "word",
  "to_device, from_device or bidirectional.",
  toDirection,
);
export const ATTRS = optional(
  param.of(
    "attrs",
    ["word", "list"],
    "An attribute such as mmio, or a list of them.",
    toAttributes,
  ),
  0,
);
/** An address in an address space. */
export const VIRT = param.virt("addr", "The address in the process.");
