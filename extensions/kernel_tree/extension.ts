import { TREE } from "../commands/tree.ts";
import type { Extension } from "../extension.ts";

/** Files of a kernel tree beside the model. */
export const KERNEL_TREE: Extension = { commands: [TREE] };
