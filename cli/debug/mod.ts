/** Other workspace members use these exports of `cli/debug`. */
export { LEFT_MAPPED } from "./_left_mapped.ts";
export { Debugger, NamesInSight } from "./debugger.ts";
export { FullScreen } from "./screen/full_screen.ts";
export { BOUND_KEYS, type BoundKey, keyText } from "./screen/keys.ts";
export { runFullScreen } from "./screen/run_full_screen.ts";
export * from "../repl/mod.ts";
export * from "../terminal/mod.ts";
