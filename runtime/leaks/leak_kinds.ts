/** What can be left at the end of a test: one row for each kind. */
import type { HeldKind } from "../held_resources.ts";

export interface LeakKindEntry {
  /** What was not done, as a sentence. */
  readonly doc: string;
  /** Page, chapter and row in `docs/behaviour/`; null where no rule of theirs is broken. */
  readonly rule: string | null;
}

/**
 * In the order of what owns what: a mapping has its IO addresses and page-table entries, which are
 * told of by themselves only where they have lost their owner.
 */
export const LEAK_KINDS = {
  mapping: { doc: "A mapping that nobody has ended.", rule: "dma.8.2.25" },
  range: {
    doc: "A range of the two-step API that nobody has given back, with what is linked there.",
    rule: "dma.3.6.12",
  },
  shared_memory: {
    doc: "Memory of `dma_alloc_coherent` that nobody has freed.",
    rule: "dma.8.2.25",
  },
  page_table: {
    doc: "Page-table entries that lead to memory from addresses that belong to nobody any more.",
    rule: "dma.3.6.10",
  },
  iova: {
    doc: "IO addresses that were not given back with the mapping that they were for.",
    rule: "dma.3.5",
  },
  bounce_slots: { doc: "Slots of a bounce buffer whose mapping is gone.", rule: "dma.6.3" },
  pool_block: { doc: "A block of a DMA pool that was not given back.", rule: "dma.1.2" },
  memory: { doc: "Memory of a driver's own, such as an array of addresses.", rule: null },
  driver_memory: { doc: "Memory that a driver in C took and nobody has given back.", rule: null },
  interrupt: { doc: "A handler that a driver in C registered and has not taken away.", rule: null },
} as const satisfies Partial<Record<HeldKind | "range", LeakKindEntry>>;

export type LeakKind = keyof typeof LEAK_KINDS;
