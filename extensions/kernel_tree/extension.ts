import type { Extension } from "@dmalab/cli/extend";

/** The commands that compare files of a kernel tree with the model, and review changes of a tree. */
export const KERNEL_TREE: Extension = {
  commands: {
    tree: async () => (await import("./command.ts")).TREE,
    review: async () => (await import("./review/command.ts")).REVIEW,
  },
};
