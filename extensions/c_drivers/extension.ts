import type { Extension } from "../extension.ts";

/** Drivers in C. */
export const C_DRIVERS: Extension = {
  loadCompiler: async () => (await import("./compile_wanted.ts")).compileWanted,
};
