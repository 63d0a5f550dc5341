/**
 * The DMA mapping API: `calls/` are the kernel's functions, `paths/` the handling of one buffer (direct, translated,
 * bounced, to a peer), `device/` the devices and their DMA, `checker/` the detection of driver mistakes.
 *
 * State: a device has its mask, group and domain; the checker's ledger is separate and never reads state of the
 * paths. Hot path: map, link and unmap, and a device's accesses (`bus_access.ts`). `deno task bench map` measures
 * them. Tests: `dma_checker_test.ts`, model tests of the ledger, captured mappings and `dmalab tree compare`.
 *
 * Other workspace members use these exports:
 */
export {
  ATTRIBUTE_PREFIX,
  type AttributeWord,
  attributeWords,
  type DirectionWord,
  directionWord,
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "./attributes.ts";
export { type Call, callOf } from "./calls/call_events.ts";
export { type CoherentOptions, refusesShared } from "./calls/coherent.ts";
export { CoherentMemory } from "./coherent_memory.ts";
export {
  DmaMapping,
  type MappingArguments,
  mappingCaller,
  type MappingFunction,
} from "./calls/mapping.ts";
export { mappingSizeInputs, UNLIMITED_BYTES } from "./calls/mapping_queries.ts";
export type { IommuGroup } from "./device/iommu_group.ts";
export {
  allocNoncontiguous,
  allocPageMemory,
  freeNoncontiguous,
  freePageMemory,
  listOfPages,
  type NoncontiguousMemory,
  type PageMemory,
} from "./calls/page_memory.ts";
export { type DescriptorPool, DmaPool, lastOfNewestPage, type PoolBlock } from "./calls/pool.ts";
export type { LentMemory } from "./checker/cpu_checks.ts";
export { MappingRecords } from "./checker/ledger.ts";
export { DeviceBus, EntryPage, type PageMaker } from "./device/bus_access.ts";
export {
  DEFAULT_SEGMENT_BYTES,
  type DirectRegion,
  DmaDevice,
  type DmaDeviceOptions,
  isTranslated,
  type TranslatedDevice,
  type WantedMode,
} from "./device/device.ts";
export { type DeviceVisibleRange, sameMemory, sameView, viewOf } from "./device/device_view.ts";
export {
  joinedOutputs,
  type MergedRange,
  MergedRanges,
  placeOfMerged,
} from "./device/merged_ranges.ts";
export type { DmaRange } from "./device/range_map.ts";
export type { AccessWatcher, PeerRouter } from "./dma_machine.ts";
export { hexAddress } from "../address.ts";
export { DmaIovaState, rangeObjects } from "./iova_state.ts";
export { slabBytes } from "./paths/cache_maintenance.ts";
export { directAddress, MAP_BRANCH, MAP_FAILURE, type ReachLimit } from "./paths/map_branch.ts";
export { PeerMemo, peerMemo } from "./paths/scatterlist_peer.ts";
export {
  APART,
  type Apart,
  SCATTER_ENTRY_BYTES,
  SCATTER_TABLE_ENTRIES,
  Scatterlist,
  type ScatterOutput,
  type ScatterSegment,
} from "./scatterlist.ts";
