/** Classes of the DMA API checker's lines. */
import type { REPORT_CLASSES } from "@dmalab/runtime/vocabulary";

/** Classes of lines that only older releases print and that dmalab does not simulate. */
export const OLD_CLASSES = {
  cpu_touches_mapped:
    "The CPU is about to read or write a page with a cache line that is mapped for a device. The known place of this check is the copy of a page at a write to it (copy-on-write), which reads the page; memory of a program that a driver keeps mapped (RDMA) can be reported there although nothing is wrong.",
} as const;

/** Classes of the checker's lines. */
export type CheckerClass = keyof typeof REPORT_CLASSES | keyof typeof OLD_CLASSES;
