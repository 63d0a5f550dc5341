import type { Extension } from "@dmalab/cli/extend";

/** The command that runs scenarios on the user's own kernel in QEMU. */
export const REAL_KERNEL: Extension = {
  commands: { kernel: async () => (await import("./command.ts")).KERNEL },
};
