/** The part of the folder `extensions/editor/tests` that the tests of other members use. */
export { Client } from "./dap/client.ts";
export { startClient } from "./dap/in_process.ts";
