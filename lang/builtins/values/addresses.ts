/** Addresses: their members, and explanations of their meaning. */
import { alignDown, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { formatQuantity } from "../../render/value_text.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { Quantity } from "../../values/value.ts";
import { explainAddress } from "../ledger.ts";
import type { HandleType } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

type AddressKind = "phys" | "dma" | "virt";

function addressType(name: AddressKind, doc: string): HandleType<Quantity> {
  return {
    name,
    doc,
    fields: fieldsOf<Quantity>((f) => ({
      page: f[name](
        "The start of its page of 4 KiB.",
        (address) => alignDown(address.value, PAGE_SIZE_BYTES),
      ),
      offset: f.size(
        "Where in its page of 4 KiB it lies.",
        (address) => address.value % PAGE_SIZE_BYTES,
      ),
      pfn: f.int(
        "The number of its page of 4 KiB.",
        (address) => Math.floor(address.value / PAGE_SIZE_BYTES),
      ),
    })),
    format: formatQuantity,
    // `explain` is not for virtual addresses: the page table of the process gives their target.
    ...name === "virt" ? {} : {
      explain: (address: Quantity, context: ExecutionContext) =>
        explainAddress(name, address.value, context),
    },
  };
}

export const PHYS_ADDRESS = addressType("phys", "An address as the CPU sees it.");
export const DMA_ADDRESS = addressType("dma", "An address as a device sees it.");
export const VIRT_ADDRESS = addressType("virt", "An address as a process sees it.");
