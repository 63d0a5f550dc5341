/** Machines and beginnings that the examples of many builtins share. */

/** One disk behind an IOMMU. */
export const TRANSLATED_MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

/** The same without an IOMMU. */
export const DIRECT_MACHINE = `machine {
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

/** A process with 16 KiB. */
export const PROCESS = `let mm = address_space()
let at = mm.mmap(16KiB)
`;

/** The same with an RDMA device that is translated. */
export const RDMA_PROCESS = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { rdma nic { } } }
}
${PROCESS}`;
