import type { Extension } from "@dmalab/cli/extend";

/** Test vectors of NVMe commands. */
export const VECTORS: Extension = {
  commands: { vectors: async () => (await import("./command.ts")).VECTORS },
};
