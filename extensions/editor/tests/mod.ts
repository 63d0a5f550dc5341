/** The part of the tests of `extensions/editor` that tests of other members use. */
export { Client } from "./dap/client.ts";
export { startClient } from "./dap/in_process.ts";
