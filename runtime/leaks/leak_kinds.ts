/** Kinds of leaks of a test: one row for each. */
import type { FoundIn } from "../dma/checker/report_classes.ts";

export interface LeakKindEntry {
  /** What was leaked, or which action is missing, as a sentence. */
  readonly doc: string;
  /** Page, chapter and row in `docs/rules/`; null where no rule is broken. */
  readonly rule: string | null;
  /** No kernel reports the leak when the driver unbinds. */
  readonly beyondKernel: boolean;
  readonly found: FoundIn;
}

/** DMA debugging reports the leak when the driver unbinds. */
const AT_UNBIND = { rule: "dma.8.2.25", beyondKernel: false, found: "every_mode" } as const;
/** A leak that exists only behind an IOMMU and that no kernel checks for. */
const TRANSLATED = { beyondKernel: true, found: "translated" } as const;
/** A leak that breaks no rule and that no kernel checks for. */
const OWN = { rule: null, beyondKernel: true, found: "every_mode" } as const;

/**
 * The kinds of leaks, owners first. A mapping owns its IOVA range and its page-table entries. These
 * are reported separately only if their mapping no longer exists.
 */
export const LEAK_KINDS = {
  mapping: { ...AT_UNBIND, doc: "A mapping that was not unmapped." },
  range: {
    ...TRANSLATED,
    found: "two_step",
    doc: "An IOVA range of the two-step API that was not freed, with its links.",
    rule: "dma.3.6.12",
  },
  shared_memory: { ...AT_UNBIND, doc: "Memory of `dma_alloc_coherent` that was not freed." },
  vfio_area: {
    ...TRANSLATED,
    doc: "Memory that a process mapped by VFIO and did not unmap; the process has not ended.",
    rule: "hmm-rdma-vfio.7.13",
  },
  page_table: {
    ...TRANSLATED,
    doc: "Page-table entries left for IOVAs that are no longer allocated.",
    rule: "dma.3.6.10",
  },
  iova: {
    ...TRANSLATED,
    doc: "An IOVA range that was not freed with its mapping.",
    rule: "dma.3.5",
  },
  bounce_slots: {
    ...OWN,
    doc: "swiotlb slots still allocated after their mapping was unmapped.",
    rule: "dma.6.3",
  },
  pool_block: {
    doc: "A block of a DMA pool that was not freed.",
    rule: "dma.1.2",
    // dma_pool_destroy() prints that the pool is busy.
    beyondKernel: false,
    found: "every_mode",
  },
  memory: { ...OWN, doc: "Memory of a driver's own, such as an array of addresses." },
  driver_memory: {
    ...OWN,
    doc: "Memory that a driver in C allocated and did not free.",
    found: "c_drivers",
  },
  interrupt: {
    ...OWN,
    doc: "An interrupt handler that a driver in C registered and did not free.",
    found: "c_drivers",
  },
} as const satisfies Readonly<Record<string, LeakKindEntry>>;

export type LeakKind = keyof typeof LEAK_KINDS;

/**
 * The kinds of resources that a part of a test can leak. Peer memory is tracked only for a part of
 * a test.
 */
export type HeldResourceKind = Exclude<LeakKind, "range"> | "peer_memory";
