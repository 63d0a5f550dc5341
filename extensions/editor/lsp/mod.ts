/** What other members use of `extensions/editor/lsp`. */
export { Server } from "./server.ts";
