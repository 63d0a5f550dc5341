/**
 * Physical memory, the page allocator, the CPU's caches, bounce buffers (swiotlb) and pools.
 *
 * State: `PhysicalMemory` has the bytes, `PageAllocator` who has which page, `SwiotlbPool` its slots.
 * Hot: reads and writes of one page; a page that was never written costs nothing.
 * Proof: `physical_memory_test.ts`, `cpu_caches_model_test.ts`, the golden data of swiotlb/.
 *
 * What other members use:
 */
export {
  allocateBuffer,
  allocatePages,
  type BufferRequest,
  claimBuffer,
} from "./allocate_buffer.ts";
export { allocPagesBulk } from "./bulk_pages.ts";
export type { CacheLine, LineState } from "./cached_page.ts";
export { CpuCaches } from "./cpu_caches.ts";
export {
  type BufferHome,
  type BufferSegment,
  type FillPattern,
  HostBuffer,
  type HostMemoryChecks,
} from "./host_buffer.ts";
export { kmalloc, vmalloc } from "./kernel_allocators.ts";
export { IntervalSet } from "./interval_set.ts";
export { layOutMemory, type MemoryKind, type MemoryRange } from "./layout.ts";
export { CACHE_LINE_BYTES } from "./line_owners.ts";
export { MemoryEncryption } from "./memory_encryption.ts";
export {
  MAX_BLOCK_PAGES,
  type PageAllocation,
  PageAllocator,
  type PageHome,
} from "./page_allocator.ts";
export { fillSeries, MemoryPage, PhysicalMemory } from "./physical_memory.ts";
export {
  readLittleEndian,
  readRegister,
  readWideRegister,
  writeLittleEndian,
  writeRegister,
  writeWideRegister,
} from "./register_access.ts";
export type { RegisterPort } from "./register_ports.ts";
export { sameBytes } from "./same_bytes.ts";
export { type BouncedBuffer, SwiotlbPool } from "./swiotlb/swiotlb.ts";
export {
  areasForSlots,
  PoolPlaceError,
  SET_BYTES,
  SET_SLOTS,
  sizePool,
  SLOT_BYTES,
} from "./swiotlb/swiotlb_geometry.ts";
export type { BouncingDevice } from "./swiotlb/swiotlb_slots.ts";
