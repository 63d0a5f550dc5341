/**
 * Address spaces of processes: areas, page tables, faults, notifiers, and page-wise DMA maps (HMM).
 *
 * - State: an `AddressSpace` owns its areas and pages.
 * - Hot path: none.
 * - Tests: `process_memory_test.ts`, `hmm_dma_map_test.ts`, the golden data of hmm/.
 *
 * Other workspace members use these exports:
 */
export {
  AddressSpace,
  type LockLimits,
  type OpenFile,
  USUAL_LOCK_LIMITS,
} from "./address_space.ts";
export {
  giveList,
  HmmDmaMap,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
  hmmPfnListAlone,
  takeList,
} from "./hmm_dma_map.ts";
export { flagWords, HMM_PFN, HmmPfnList } from "./hmm_pfn_list.ts";
export {
  type ChangedRange,
  type IntervalClient,
  IntervalNotifier,
  type NotifierEvent,
} from "./interval_notifier.ts";
export type { FrameSource } from "./page_frame.ts";
export type { PinAccess, PinnedKind, PinnedRun } from "./pinned_run.ts";
export type { Access, AreaKind } from "./process_areas.ts";
export { HUGE_ORDER, type MappedPage } from "./process_pages.ts";
export { hmmRangeFault } from "./range_fault.ts";
