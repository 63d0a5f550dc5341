/** The language server and the debug adapter, for tests and benchmarks. */
export * from "./dap/mod.ts";
export * from "./lsp/server.ts";
