/** Machines and setup code that the examples of many builtins share. */

/** One disk behind an IOMMU. */
export const TRANSLATED_MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

/** The same machine without an IOMMU. */
export const DIRECT_MACHINE = `machine {
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

/** A process with 16 KiB of memory. */
export const PROCESS = `let mm = address_space()
let at = mm.mmap(16KiB)
`;

/** The same process on a machine with an RDMA device behind an IOMMU. */
export const RDMA_PROCESS = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { rdma nic { } } }
}
${PROCESS}`;
