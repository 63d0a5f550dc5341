import { DAP } from "./dap/command.ts";
import { LSP } from "./lsp/command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** The language server and the debug adapter. */
export const EDITOR: Extension = { commands: [DAP, LSP] };
