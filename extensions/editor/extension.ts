import type { StdinJob } from "./dap/client_reader.ts";
import type { Extension } from "@dmalab/cli/extend";

/** The language server and the debug adapter. */
export const EDITOR: Extension = {
  commands: {
    dap: async () => (await import("./dap/command.ts")).DAP,
    lsp: async () => (await import("./lsp/command.ts")).LSP,
  },
  jobRunners: {
    dap_stdin: async (_: StdinJob) => (await import("./dap/client_reader.ts")).STDIN_RUNNER,
  },
};
