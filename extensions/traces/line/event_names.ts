/** Names of the trace events that the ledger needs, as the kernel names them in `events/SYSTEM` of tracefs. */

/** @see rules/traces.md T.15 */
export const DMA_EVENTS = [
  "dma_map_phys",
  "dma_map_page",
  "dma_map_resource",
  "dma_unmap_phys",
  "dma_unmap_page",
  "dma_unmap_resource",
  "dma_alloc",
  "dma_alloc_pages",
  "dma_alloc_sgt",
  "dma_alloc_sgt_err",
  "dma_free",
  "dma_free_pages",
  "dma_free_sgt",
  "dma_map_sg",
  "dma_map_sg_err",
  "dma_unmap_sg",
  "dma_sync_single_for_cpu",
  "dma_sync_single_for_device",
  "dma_sync_sg_for_cpu",
  "dma_sync_sg_for_device",
] as const;

/** @see rules/traces.md T.25 */
export const IOMMU_EVENTS = ["map", "unmap"] as const;
