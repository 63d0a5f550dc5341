/** How a page-wise map reaches memory, by its mode. */
import type { HmmDmaMap } from "@dmalab/runtime";

export const HMM_MODES: Readonly<Record<HmmDmaMap["mode"], string>> = {
  iova: "One IOVA range.",
  list: "The DMA address of each page is stored.",
  stateless: "No DMA address is stored.",
};
