/** Other workspace members use these exports of `extensions/editor/dap`. */
export { LAUNCH_KEYS, nameOf } from "./launch.ts";
export { serveClient } from "./serve.ts";
export { DapSession } from "./session.ts";
