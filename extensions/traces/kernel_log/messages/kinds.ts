/** Kinds of kernel messages: the `kind` of an entry in `--json`, its title and its rule. */

interface KindRow {
  readonly title: string;
  readonly rule: string;
}

export const MESSAGE_KINDS = {
  iommu_fault: { title: "IOMMU fault", rule: "trace.T.62" },
  other_iommu_fault: { title: "IOMMU fault", rule: "trace.T.71" },
  memory_fault: { title: "Memory controller error", rule: "trace.T.71" },
  iommu_fault_status: { title: "Intel VT-d: fault status", rule: "trace.T.47" },
  iommu_detail: { title: "IOMMU fault: details", rule: "trace.T.71" },
  suppressed: { title: "Rate limit", rule: "trace.T.47" },
  invalidation_error: { title: "Invalidation failed", rule: "trace.T.48" },
  iommu_error: { title: "IOMMU", rule: "trace.T.70" },
  iommu_setup: { title: "IOMMU setup", rule: "trace.T.73" },
  pte_already_set: { title: "Map of an address already mapped", rule: "trace.T.53" },
  unmap_warning: { title: "Unmap of an unmapped address", rule: "trace.T.53" },
  iommu_page_leak: { title: "Page freed while mapped", rule: "trace.T.53" },
  map_unaligned: { title: "Map not aligned", rule: "trace.T.73" },
  iova_full: { title: "No address left for the device", rule: "trace.T.74" },
  map_failed: { title: "Map failed", rule: "trace.T.78" },
  swiotlb_full: { title: "Bounce buffers", rule: "trace.T.52" },
  dma_overflow: { title: "Address out of the device's reach", rule: "trace.T.52" },
  dma_debug: { title: "DMA API checker", rule: "trace.T.53" },
  driver_dma_error: { title: "Driver's line about DMA", rule: "trace.T.59" },
  device_error: { title: "Error of a device", rule: "trace.T.59" },
  gpu_fault: { title: "Fault of a GPU's own MMU", rule: "trace.T.59" },
  dma_debug_dump: { title: "DMA API checker: live mapping", rule: "trace.T.53" },
  mapping_warning: { title: "Warning of a mapping call", rule: "trace.T.78" },
  lockup: { title: "Lockup or hung task", rule: "trace.T.78" },
  dma_oops: { title: "Oops or warning in a function of DMA", rule: "trace.T.78" },
  cache_abort: { title: "Abort of a cache instruction", rule: "trace.T.78" },
  dma_stack: { title: "Stack with a function of DMA", rule: "trace.T.78" },
  dma_debug_off: { title: "DMA API checker", rule: "trace.T.53" },
  contiguous_full: { title: "Contiguous memory", rule: "trace.T.75" },
  coherent_failed: { title: "Coherent memory", rule: "trace.T.75" },
  page_allocation: { title: "Page allocation", rule: "trace.T.75" },
  dma_pool_error: { title: "DMA pool", rule: "trace.T.75" },
  page_pool_stalled: { title: "page_pool", rule: "trace.T.75" },
  memory_setup: { title: "DMA memory", rule: "trace.T.75" },
  pin_limit: { title: "VFIO", rule: "trace.T.76" },
  vfio_error: { title: "VFIO", rule: "trace.T.76" },
  bridge_error: { title: "Device frozen", rule: "trace.T.71" },
  recovery: { title: "Device recovery", rule: "trace.T.71" },
  p2pdma: { title: "Peer-to-peer DMA", rule: "trace.T.54" },
  nvme_timeout: { title: "NVMe timeout", rule: "trace.T.55" },
  nvme_abort_status: { title: "NVMe abort", rule: "trace.T.55" },
  nvme_down: { title: "NVMe controller down", rule: "trace.T.55" },
  nvme_failed: { title: "NVMe controller failed", rule: "trace.T.55" },
  nvme_error: { title: "NVMe command failed", rule: "trace.T.55" },
  nvme_bad_request: { title: "NVMe request malformed", rule: "trace.T.55" },
  nvme_state: { title: "NVMe", rule: "trace.T.55" },
  block_error: { title: "Block layer error", rule: "trace.T.55" },
  pcie_error: { title: "PCI Express error", rule: "trace.T.70" },
  bus_error: { title: "bus error", rule: "trace.T.70" },
  pcie_detail: { title: "PCI Express error: details", rule: "trace.T.70" },
  register_dump: { title: "Registers or descriptors of a device", rule: "trace.T.59" },
  state: { title: "No error", rule: "trace.T.73" },
} as const satisfies Readonly<Record<string, KindRow>>;

/** The kind of a message. */
export type MessageKind = keyof typeof MESSAGE_KINDS;
