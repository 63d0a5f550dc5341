import type { Extension } from "@dmalab/cli/extend";

/** Files of a kernel tree beside the model, and changes of a tree. */
export const KERNEL_TREE: Extension = {
  commands: {
    tree: async () => (await import("./command.ts")).TREE,
    review: async () => (await import("./review/command.ts")).REVIEW,
  },
};
