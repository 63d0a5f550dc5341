/** What can leak from a test: one row for each kind. */
export interface LeakKindEntry {
  /** What was not done, as a sentence. */
  readonly doc: string;
  /** Page, chapter and row in `docs/behaviour/`; null where no rule of theirs is broken. */
  readonly rule: string | null;
}

/**
 * Owners first: a mapping owns its IOVA range and page-table entries, which are findings of their own
 * only where they have lost their owner.
 */
export const LEAK_KINDS = {
  mapping: { doc: "A mapping that was not unmapped.", rule: "dma.8.2.25" },
  range: {
    doc: "An IOVA range of the two-step API that was not freed, with its links.",
    rule: "dma.3.6.12",
  },
  shared_memory: {
    doc: "Memory of `dma_alloc_coherent` that was not freed.",
    rule: "dma.8.2.25",
  },
  page_table: {
    doc: "Page-table entries left for IOVAs that are no longer allocated.",
    rule: "dma.3.6.10",
  },
  iova: {
    doc: "An IOVA range that was not freed with its mapping.",
    rule: "dma.3.5",
  },
  bounce_slots: {
    doc: "swiotlb slots still allocated after their mapping was unmapped.",
    rule: "dma.6.3",
  },
  pool_block: { doc: "A block of a DMA pool that was not freed.", rule: "dma.1.2" },
  memory: { doc: "Memory of a driver's own, such as an array of addresses.", rule: null },
  driver_memory: { doc: "Memory that a driver in C allocated and did not free.", rule: null },
  interrupt: {
    doc: "An interrupt handler that a driver in C registered and did not free.",
    rule: null,
  },
} as const satisfies Readonly<Record<string, LeakKindEntry>>;

export type LeakKind = keyof typeof LEAK_KINDS;

/** What can leak; memory of peers from a part of a test only. */
export type HeldKind = Exclude<LeakKind, "range"> | "peer_memory";
