/**
 * Physical memory, the page allocator, the CPU's caches, bounce buffers (swiotlb) and pools.
 *
 * State: `PhysicalMemory` has the bytes, `PageAllocator` the owner of each page, `SwiotlbPool` its
 * slots. Hot path: reads and writes of one page; a page that was never written costs nothing.
 * Tests: `physical_memory_test.ts`, `cpu_caches_model_test.ts`, the golden data of swiotlb/.
 *
 * Other workspace members use these exports:
 */
export {
  allocateBuffer,
  allocatePages,
  allocPagesBulk,
  type BufferRequest,
  claimBuffer,
  kmalloc,
  vmalloc,
} from "./allocate_buffer.ts";
export { CACHE_LINE_BYTES, type CacheLine, type LineState } from "./cached_page.ts";
export { CpuCaches } from "./cpu_caches.ts";
export { type BufferHome, type FillPattern, HostBuffer } from "./host_buffer.ts";
export { type BufferSegment } from "./buffer_segments.ts";
export { IntervalSet } from "./interval_set.ts";
export { layOutMemory, type MemoryKind, type MemoryRange } from "./layout.ts";
export { MemoryEncryption } from "./memory_encryption.ts";
export {
  MAX_BLOCK_PAGES,
  type PageAllocation,
  PageAllocator,
  type PageHome,
  type PageOwner,
} from "./page_allocator.ts";
export { fillSeries, MemoryPage, PhysicalMemory, sameBytes } from "./physical_memory.ts";
export {
  readLittleEndian,
  readRegister,
  readWideRegister,
  type RegisterPort,
  writeLittleEndian,
  writeRegister,
  writeWideRegister,
} from "./register_ports.ts";
export { type BouncedBuffer, SwiotlbPool } from "./swiotlb/swiotlb.ts";
export {
  areasForSlots,
  PoolPlaceError,
  SET_SLOTS,
  sizePool,
  SLOT_BYTES,
} from "./swiotlb/swiotlb_geometry.ts";
export type { BouncingDevice } from "./swiotlb/swiotlb_slots.ts";
