/** Pages that are allocated for a device and mapped at once: `dma_alloc_pages`. */
import type { PageMemory } from "@dmalab/runtime/dma";
import { formatAddress, formatSize } from "../../../text/numbers.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

export interface PageMemoryTarget {
  readonly memory: PageMemory;
  /** It was freed: freeing it again is a double free. */
  freed: boolean;
}

export const PAGE_MEMORY: HandleType<PageMemoryTarget> = {
  name: "page_memory",
  doc: "Pages of a device with the CPU's caches on: syncs hand them over.",
  fields: fieldsOf<PageMemoryTarget>((f) => ({
    addr: f.dma("Where the device sees the first byte.", ({ memory }) => memory.dma),
    size: f.size("Its length.", ({ memory }) => memory.sizeBytes),
    phys: f.phys("Physical address of the first byte.", ({ memory }) => memory.pages[0]!),
  })),
  methods: [],
  format: ({ memory }) =>
    `pages of ${formatSize(memory.sizeBytes)}, ${memory.dev.name} sees ${
      formatAddress(memory.dma)
    }`,
};
