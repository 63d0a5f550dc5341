import { TREE } from "./command.ts";
import type { Extension } from "@dmalab/cli/extend";
import { REVIEW } from "./review/command.ts";

/** Files of a kernel tree beside the model, and changes of a tree. */
export const KERNEL_TREE: Extension = { commands: [TREE, REVIEW] };
