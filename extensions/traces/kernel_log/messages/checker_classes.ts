/** Classes of the DMA API checker's lines. */
import type { REPORT_CLASSES } from "@dmalab/runtime/vocabulary";

/** Classes of lines that only older releases print and that dmalab does not simulate. */
export const OLD_CLASSES = {
  cpu_touches_mapped: "The CPU wrote into a cache line that is mapped for a device.",
} as const;

/** Classes of the checker's lines. */
export type CheckerClass = keyof typeof REPORT_CLASSES | keyof typeof OLD_CLASSES;
