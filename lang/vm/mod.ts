/** What other members use of `lang/vm`. */
export { Branches } from "./branches.ts";
export type { BoundName, Code, DebugStatement, ForkKeyword, FunctionCode, Site } from "./code.ts";
export { Raising, SideEffectRefused, type StatementListener } from "./control.ts";
export { type Failure, ScriptFailure } from "./failure.ts";
export { evaluateWithoutEffects } from "./evaluate_without_effects.ts";
export { FRAME_NUMBERS } from "./loop.ts";
export { type HostWatch, type MemoryWatch, RunWatch } from "./run_watch.ts";
export { Vm } from "./vm.ts";
