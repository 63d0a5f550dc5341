/** The extensions: each is one record, and the core accesses them only through this list. */
export { C_DRIVERS } from "@dmalab/c_drivers/extension";
export { EDITOR } from "@dmalab/editor/extension";
export { HUNT } from "@dmalab/hunt/extension";
export { KERNEL_TREE } from "@dmalab/kernel_tree/extension";
export { PAGE } from "@dmalab/page/extension";
export { REAL_KERNEL } from "@dmalab/real_kernel/extension";
export { TOPOLOGY } from "@dmalab/topology/extension";
export { TRACES } from "@dmalab/traces/extension";
export { VECTORS } from "@dmalab/vectors/extension";
