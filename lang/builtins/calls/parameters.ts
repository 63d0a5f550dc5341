/** Parameters and examples that many kernel functions share. */
import type { ParameterSpec } from "../../values/spec.ts";

export const DEV: ParameterSpec = {
  name: "dev",
  kind: "@device",
  doc: "The device that will use the memory.",
};

export const STATE: ParameterSpec = {
  name: "state",
  kind: "@iova_state",
  doc: "What iova_state() gave.",
};

export const PHYS: ParameterSpec = {
  name: "phys",
  kind: ["phys", "@buffer"],
  doc: "Physical address of the first byte, or a buffer that begins there.",
};

export const OFFSET: ParameterSpec = {
  name: "offset",
  kind: "size",
  doc: "Where in the range, in bytes from its first byte.",
};

export const SIZE: ParameterSpec = {
  name: "size",
  kind: "size",
  doc: "How many bytes.",
};

export const DIR: ParameterSpec = {
  name: "dir",
  kind: "word",
  doc: "to_device, from_device or bidirectional.",
};

export const ATTRS: ParameterSpec = {
  name: "attrs",
  kind: ["word", "list"],
  optional: true,
  doc: "An attribute such as mmio, or a list of them.",
};

/** A mapping that is used or ended, by what the map gave or by its address. */
export const MAPPED: ParameterSpec = {
  name: "dma",
  kind: ["@mapping", "dma"],
  doc: "What the map gave, or its device address.",
};

/** The machine of the examples: one disk behind an IOMMU. */
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

/** Where something lies in an address space. */
export const VIRT: ParameterSpec = {
  name: "addr",
  kind: "virt",
  doc: "Where, as the process sees it.",
};

/** The beginning of examples: a process with 16 KiB. */
export const PROCESS = `let mm = address_space()
let at = mm.mmap(16KiB)
`;

/** The same with an RDMA device that is translated. */
export const RDMA_PROCESS = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { rdma nic { } } }
}
${PROCESS}`;
