/** Oopses whose instruction lies in a function of DMA mapping. @see rules/traces.md T.78 */
import type { MessageRow } from "./message.ts";

/** Functions of the DMA API and of the layers below it, as an oops names them. */
const DMA_FUNCTIONS = [
  ...[
    "dma_map_sg_attrs",
    "__dma_map_sg_attrs",
    "dma_map_page_attrs",
    "dma_map_phys",
    "dma_map_sgtable",
  ],
  ...["dma_unmap_sg_attrs", "dma_unmap_page_attrs", "dma_unmap_phys", "dma_map_resource"],
  ...["dma_alloc_attrs", "dma_free_attrs", "dma_pool_alloc", "dma_pool_free", "dma_pool_create"],
  ...["dma_pool_destroy", "dma_sync_single_for_cpu", "dma_sync_single_for_device"],
  ...["dma_sync_sg_for_cpu", "dma_sync_sg_for_device", "dma_max_mapping_size", "dma_set_mask"],
  ...["dma_direct_map_sg", "dma_direct_map_page", "dma_direct_unmap_sg", "dma_direct_unmap_page"],
  ...["dma_direct_alloc", "dma_direct_free", "dma_direct_sync_sg_for_device"],
  ...["iommu_dma_map_sg", "iommu_dma_map_page", "iommu_dma_map_phys", "iommu_dma_unmap_sg"],
  ...["iommu_dma_unmap_page", "iommu_dma_alloc", "iommu_dma_free", "__iommu_dma_unmap"],
  ...[
    "iommu_dma_sync_sg_for_device",
    "iommu_dma_sync_single_for_cpu",
    "iommu_dma_get_resv_regions",
  ],
  ...[
    "iommu_map",
    "iommu_map_sg",
    "iommu_unmap",
    "__iommu_map",
    "__iommu_unmap",
    "iommu_iova_to_phys",
  ],
  ...[
    "iommu_get_dma_domain",
    "iommu_get_domain_for_dev",
    "iommu_attach_device",
    "iommu_detach_device",
  ],
  ...[
    "iommu_group_remove_device",
    "alloc_iova_fast",
    "free_iova_fast",
    "alloc_iova",
    "__free_iova",
  ],
  ...["intel_map_page", "intel_map_sg", "intel_unmap", "intel_alloc_coherent", "intel_iommu_map"],
  ...[
    "intel_iommu_unmap",
    "domain_mapping",
    "dma_pte_clear_level",
    "device_to_iommu",
    "domain_unmap",
  ],
  ...[
    "amd_iommu_map",
    "amd_iommu_unmap",
    "arm_smmu_map",
    "arm_smmu_unmap",
    "arm_smmu_cmdq_issue_cmdlist",
  ],
  ...["arm_lpae_map", "arm_lpae_unmap", "__arm_lpae_map", "__arm_lpae_unmap", "rk_iommu_map"],
  ...["swiotlb_tbl_map_single", "swiotlb_tbl_unmap_single", "swiotlb_map", "swiotlb_bounce"],
  ...["arm_dma_map_sg", "arm_dma_map_page", "arm_dma_unmap_page", "arch_sync_dma_for_device"],
  ...["arch_sync_dma_for_cpu", "v7_dma_inv_range", "v7_dma_clean_range", "v7_dma_flush_range"],
  ...[
    "__dma_inv_area",
    "__dma_clean_area",
    "__dma_map_area",
    "__dma_unmap_area",
    "dcache_clean_poc",
  ],
  ...["dcache_inval_poc", "dma_cache_maint_page", "nommu_map_sg", "nommu_map_page"],
  ...[
    "vfio_pin_pages_remote",
    "vfio_iommu_type1_ioctl",
    "vfio_unmap_unpin",
    "sg_next",
    "debug_dma_map_sg",
  ],
].join("|");

const IN_CACHE = /cache|inv_|clean|flush|_area|sync/;
const IN_TABLE =
  /^(?:iommu_(?!dma)|__iommu_(?!dma)|intel_iommu|amd_iommu|arm_|__arm_lpae|rk_|domain|dma_pte)/;

export const OOPSES: readonly MessageRow[] = [
  {
    kind: "mapping_warning",
    isBelowWarnings: true,
    forms: [
      `{~PC is at|pc :|EIP is at|RIP: 0010:|RIP:|EIP:|IP:}{? ?}{function~${DMA_FUNCTIONS}}+{frame_offset}`,
      `RIP: 0010:[<{at}>] {?[<{at2=at}>] ?}{function~${DMA_FUNCTIONS}}+{frame_offset}`,
      `IP: [<{at}>] {function~${DMA_FUNCTIONS}}+{frame_offset}`,
      `NIP [{at}] {function~${DMA_FUNCTIONS}}+{frame_offset}`,
    ],
    derive: ({ at: _, at2: _again, ...facts }) => facts,
    role: "report",
    finding: "mapping_warning",
    means: ({ function: name }) =>
      `The registers below an oops or a lockup are of ${name}(), a function of DMA mapping. The stack below names its caller`,
    causes: [
      {
        id: "cache",
        when: ({ function: name }) => IN_CACHE.test(String(name)),
        certainty: "possible",
        text:
          "the CPU's caches were cleaned or invalidated for an address that has no memory behind it: a buffer that is not of the linear map, a list or a DMA address that was never mapped, or a length that is too long",
        next: [
          "look at the caller in the stack: the buffer, the list or the DMA address that it gave, and whether the map before it succeeded",
        ],
      },
      {
        id: "table",
        when: ({ function: name }) => IN_TABLE.test(String(name)),
        certainty: "possible",
        text:
          "the domain or its tables are not there: the IOMMU's driver was not ready or was removed, the device has no domain, or the tables were freed while they are in use",
        next: [
          "look at the caller in the stack, and at the IOMMU's lines at boot: whether the device has a group and a domain (/sys/kernel/iommu_groups); try the newest kernel",
        ],
      },
      {
        id: "argument",
        when: ({ function: name }) => !IN_CACHE.test(String(name)) && !IN_TABLE.test(String(name)),
        certainty: "possible",
        text:
          "an argument of the call is wrong: a struct device that is NULL, freed, or without dma_ops, a list whose entries have no page, or memory that was overwritten",
        next: [
          "look at the caller in the stack and at the faulting address: a small one is a field of a NULL pointer; compare the struct device that the driver gives with the one of its probe",
        ],
      },
    ],
  },
];
