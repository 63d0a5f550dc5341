/** What other members use of `extensions/editor/dap`. */
export { nameOf } from "./launch.ts";
export { LAUNCH_KEYS } from "./launch_keys.ts";
export { DapSession } from "./session.ts";
