import type { Extension } from "@dmalab/cli/extend";

/** Drivers in C. */
export const C_DRIVERS: Extension = {
  loadInitDriver: async () => (await import("./out_of_tree/init_driver.ts")).initDriver,
  loadCompiler: async () => (await import("./compiler/compile_requested.ts")).compileRequested,
};
