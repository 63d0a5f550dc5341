/** What other members use of `runtime/mm`. */
export { AddressSpace } from "./address_space.ts";
export { hmmDmaMapAlloc, hmmDmaMapFree, hmmDmaMapPfn, hmmDmaUnmapPfn } from "./hmm_calls.ts";
export { giveList, HmmDmaMap, hmmPfnListAlone, takeList } from "./hmm_dma_map.ts";
export { flagWords, HMM_PFN, HmmPfnList } from "./hmm_pfn_list.ts";
export {
  type ChangedRange,
  type IntervalClient,
  IntervalNotifier,
  type NotifierEvent,
} from "./interval_notifier.ts";
export type { FrameSource } from "./page_frame.ts";
export type { Access, AreaKind } from "./process_areas.ts";
export { HUGE_ORDER, type MappedPage } from "./process_pages.ts";
export { hmmRangeFault } from "./range_fault.ts";
