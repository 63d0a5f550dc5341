/** The language server and the debug adapter, for tests and benches. */
export * from "./dap/mod.ts";
export * from "./lsp/server.ts";
