/** Parameters that many kernel functions share. */
import type { DeviceBase } from "@dmalab/devices";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { Handle } from "../../values/value.ts";
import { toAttributes, toDirection } from "../arguments.ts";
import { named, optional, param } from "../describe/parameters.ts";
import { IOVA_STATE } from "../types/dma/iova_state.ts";
import { physOf } from "../types/buffer.ts";

/** The DMA side of a device. */
export const DEV = param.of(
  "dev",
  "@device",
  "The device that will use the memory.",
  (value): DmaDevice => (value as Handle<DeviceBase>).target.dma,
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
