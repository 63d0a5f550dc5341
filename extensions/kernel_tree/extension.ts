import { TREE } from "./command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** Files of a kernel tree beside the model. */
export const KERNEL_TREE: Extension = { commands: [TREE] };
