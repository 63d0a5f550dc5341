/** Parameters that many kernel functions share. */
import type { LabDevice } from "../../../devices/lab.ts";
import type { DmaDevice } from "../../../runtime/dma/device/device.ts";
import { Handle } from "../../values/value.ts";
import { toAttributes, toDirection } from "../arguments.ts";
import type { Role } from "../../../runtime/vocabulary/call_roles.ts";
import { named, optional, param, type Parameter } from "../describe/parameters.ts";
import { IOVA_STATE } from "../things/dma/iova_state.ts";
import { physOf } from "../things/buffer.ts";
import { mappedAddress } from "../things/dma/mapping.ts";

/** The DMA side of a device. */
export const DEV = param.of(
  "dev",
  "@device",
  "The device that will use the memory.",
  (value): DmaDevice => (value as Handle<LabDevice>).target.dma,
);
export const STATE = param.thing("state", IOVA_STATE, "What iova_state() gave.");
export const PHYS = param.of(
  "phys",
  ["phys", "@buffer"],
  "Physical address of the first byte, or a buffer that begins there.",
  physOf,
);
const OFFSET = param.size("offset", "Where in the range, in bytes from its first byte.");
export const SIZE = param.size("size", "How many bytes.");
/** The argument that decides for functions whose context is `gfp`. */
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
/** A mapping that is used or ended, by what the map gave or by its address. */
const MAPPED = param.of(
  "dma",
  ["@mapping", "dma"],
  "What the map gave, or its device address.",
  mappedAddress,
);
const PAGE = param.of(
  "page",
  ["@buffer", "phys"],
  "The page: page(pfn), a buffer in it, or its address.",
  physOf,
);
const BUF = param.of("buf", ["@buffer", "phys"], "The buffer; it must be contiguous.", physOf);
const LINKED = param.size("mapped", "How many bytes are linked; 0 only frees the range.");
const BITS = param.int("bits", "How many address bits, 1 to 64.", 1, 64);

/** What arguments of kernel functions are in scripts, by their roles. */
export const BY_ROLE = {
  attrs: ATTRS,
  buf: BUF,
  dev: DEV,
  dir: DIR,
  dma: MAPPED,
  mapped_len: LINKED,
  mask: BITS,
  offset: OFFSET,
  page: PAGE,
  phys: PHYS,
  size: SIZE,
  state: STATE,
} satisfies { readonly [R in Role]?: Parameter<unknown> };

/** Where something lies in an address space. */
export const VIRT = param.virt("addr", "Where, as the process sees it.");
