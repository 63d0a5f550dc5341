/** What other members use of `runtime/iommu`. */
export { ArmPageTable } from "./arm_page_table.ts";
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
