/** What other members use of `extensions/editor`. */
export { Client } from "./tests/dap/client.ts";
export { withClient } from "./tests/dap/in_process.ts";
