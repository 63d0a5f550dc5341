/**
 * RDMA: memory regions, pinned or paged on demand.
 *
 * State: each adapter owns its regions. Tests: in this folder, with the golden data of hmm/.
 *
 * Other workspace members use these exports:
 */
export { TABLE_READ, TABLE_WRITE } from "./device_table.ts";
export { ImplicitRegion } from "./implicit_region.ts";
export { MemoryRegion } from "./memory_region.ts";
export { PageFault, RdmaAccess, type StepResult } from "./page_fault.ts";
export { RdmaAdapter } from "./rdma_adapter.ts";
export { RDMA, type RdmaDevice } from "./rdma_device.ts";
export { RDMA_TABLES } from "./recording/rdma_tables.ts";
export { UmemOdp } from "./umem_odp.ts";
