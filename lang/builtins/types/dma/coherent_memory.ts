/**
 * Memory allocated for a device: always shared (`dma_alloc_coherent`), or pages that are mapped at
 * once (`dma_alloc_pages`).
 */
import type { CoherentMemory, PageMemory } from "@dmalab/runtime/dma";
import { formatAddress, formatSize } from "../../../text/numbers.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

interface PageMemoryTarget {
  readonly memory: PageMemory;
  /** True after the memory was freed: freeing it again is a double free. */
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
  format: ({ memory }) =>
    `pages of ${formatSize(memory.sizeBytes)}, ${memory.dev.name} sees ${
      formatAddress(memory.dma)
    }`,
};

export interface CoherentTarget {
  readonly memory: CoherentMemory;
  /** The device that the memory was allocated for, by name. */
  readonly device: string;
  /** True after the memory was freed: freeing it again is a double free. */
  freed: boolean;
}

export const COHERENT_MEMORY: HandleType<CoherentTarget> = {
  name: "coherent_memory",
  doc: "Memory that CPU and device share without synchronising.",
  fields: fieldsOf<CoherentTarget>((f) => ({
    addr: f.dma("Where the device sees the first byte.", ({ memory }) => memory.dma),
    size: f.size("Its length.", ({ memory }) => memory.sizeBytes),
    phys: f.phys("Physical address of the first byte.", ({ memory }) => memory.physOf(0)),
  })),
  format: ({ memory, device }) =>
    `coherent memory of ${formatSize(memory.sizeBytes)}, ${device} sees ${
      formatAddress(memory.dma)
    }`,
};
