/** The extensions: what each adds is one record, and the core reaches them by this list alone. */
export { C_DRIVERS } from "./c/extension.ts";
export { EDITOR } from "./lsp/extension.ts";
export { HUNT } from "./hunt/extension.ts";
export { KERNEL_TREE } from "./tree/extension.ts";
export { PAGE } from "./report/extension.ts";
export { TOPOLOGY } from "./topology/extension.ts";
export { TRACES } from "./trace/extension.ts";
export { VECTORS } from "./vectors/extension.ts";
