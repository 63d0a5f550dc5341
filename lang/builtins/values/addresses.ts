/** Addresses: what they have, and why they mean what they mean. */
import { alignDown, PAGE_SIZE_BYTES } from "../../../runtime/address.ts";
import { formatQuantity } from "../../render/value_text.ts";
import type { Run } from "../../values/run.ts";
import { Quantity } from "../../values/value.ts";
import { explainAddress } from "../ledger.ts";
import { size } from "../arguments.ts";
import type { TypeSpec } from "../../values/spec.ts";

type AddressKind = "phys" | "dma" | "virt";

function addressType(name: AddressKind, doc: string): TypeSpec<Quantity> {
  return {
    name,
    doc,
    fields: [
      {
        name: "page",
        kind: name,
        doc: "The start of its page of 4 KiB.",
        get: (address) => new Quantity(name, alignDown(address.value, PAGE_SIZE_BYTES)),
      },
      {
        name: "offset",
        kind: "size",
        doc: "Where in its page of 4 KiB it lies.",
        get: (address) => size(address.value % PAGE_SIZE_BYTES),
      },
      {
        name: "pfn",
        kind: "int",
        doc: "The number of its page of 4 KiB.",
        get: (address) => Math.floor(address.value / PAGE_SIZE_BYTES),
      },
    ],
    methods: [],
    format: formatQuantity,
    // What an address of a process leads to is for its page table to say.
    ...name === "virt"
      ? {}
      : { explain: (address: Quantity, run: Run) => explainAddress(name, address.value, run) },
  };
}

export const PHYS_ADDRESS = addressType("phys", "An address as the CPU sees it.");
export const DMA_ADDRESS = addressType("dma", "An address as a device sees it.");
export const VIRT_ADDRESS = addressType("virt", "An address as a process sees it.");
