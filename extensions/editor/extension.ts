import type { StdinJob } from "./dap/client_reader.ts";
import { DAP } from "./dap/command.ts";
import { LSP } from "./lsp/command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** The language server and the debug adapter. */
export const EDITOR: Extension = {
  commands: [DAP, LSP],
  jobRunners: {
    dap_stdin: async (_: StdinJob) => (await import("./dap/client_reader.ts")).STDIN_RUNNER,
  },
};
