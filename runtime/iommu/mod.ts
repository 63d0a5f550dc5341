/**
 * IOMMU groups and their domains: IOVA allocator with its caches, page tables, IOTLB, flush queue.
 *
 * - State: a domain owns its table, allocator and queue; all members of a group share it (`iommu_groups.ts`).
 * - Hot path: `allocIova`, `map`, `unmap`, and `walk`, which is called for each access of a device.
 * - Tests: `iova_allocator_test.ts`, `page_table_model_test.ts`, `iommu_groups_test.ts`, the golden data of iova/ and
 *   pagetable/.
 *
 * Other workspace members use these exports:
 */
export { ArmPageTable } from "./arm_page_table.ts";
export { DEFAULT_ATS_ENTRIES, deviceTlbDescriptor } from "./device_tlb.ts";
export { IommuDomain } from "./domain.ts";
export { FlushQueue, PER_CPU_RING_ENTRIES, PER_CPU_TIMEOUT_NS } from "./flush_queue.ts";
export { type DeviceAccess, type FaultReason, Iommu, type IommuFault } from "./iommu.ts";
export { domainName } from "./iommu_groups.ts";
export { IOMMU_MODEL_NAMES, IOMMU_MODELS, type IommuModel, makePageTable } from "./iommu_models.ts";
export { IovaAllocator } from "./iova_allocator.ts";
export { CACHE_CLASSES } from "./iova_cache.ts";
export {
  type PageCut,
  pageCuts,
  PageSizeChoice,
  type PageTable,
  PTE_CACHE,
  PTE_MMIO,
  PTE_READ,
  PTE_WRITE,
  SYNC_WALK,
  withReadable,
} from "./page_table.ts";
export { entryBits, type EntryFacts, entryWords, tablePagePhys } from "./table_entries.ts";
