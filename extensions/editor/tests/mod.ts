/** What tests of other members use of the tests of `extensions/editor`. */
export { Client } from "./dap/client.ts";
export { startClient } from "./dap/in_process.ts";
