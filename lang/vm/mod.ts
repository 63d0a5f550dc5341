/** What other members use of `lang/vm`. */
export { Branches } from "./branches.ts";
export type { AsideWord, BoundName, Code, FunctionCode, MarkedStatement, Site } from "./code.ts";
export { LookRefused, type MarkListener, Raising } from "./control.ts";
export { type Failure, ScriptFailure } from "./failure.ts";
export { lookOnly } from "./look_only.ts";
export { FRAME_NUMBERS } from "./loop.ts";
export { type HostWatch, type MemoryWatch, RunWatch } from "./run_watch.ts";
export { Vm } from "./vm.ts";
