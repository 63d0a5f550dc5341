import { DAP } from "../commands/dap.ts";
import { LSP } from "../commands/lsp.ts";
import type { Extension } from "../extension.ts";

/** The language server and the debug adapter. */
export const EDITOR: Extension = { commands: [DAP, LSP] };
