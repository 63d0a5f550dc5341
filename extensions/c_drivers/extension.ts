import type { Extension } from "@dmalab/cli/extend";

/** Drivers in C. */
export const C_DRIVERS: Extension = {
  loadCompiler: async () => (await import("./compiler/compile_requested.ts")).compileRequested,
};
