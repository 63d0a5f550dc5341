/**
 * Runs bytecode with a program counter and a limited number of instructions (fuel), so that it can
 * pause between any two instructions.
 *
 * State: a `Vm` has stack, globals and one machine; branches are separate runs. Hot path:
 * `loop.ts`, which has only frequent instructions; `rare_ops.ts` has the others. Tests:
 * `tests/examples_test.ts`, `call_stack_test.ts`, `race_order_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { describeBranch } from "./branch_choice.ts";
export { Branches, type PausableRun, type ReplayableRun } from "./branches.ts";
export type { BoundName, Code, DebugStatement, ForkKeyword, FunctionCode, Site } from "./code.ts";
export { Raising, SideEffectRefused, type StatementListener } from "./control.ts";
export { type Failure, type LeakedResource, type LeakingPlace, ScriptFailure } from "./failure.ts";
export { FRAME_NUMBERS } from "./loop.ts";
export type { HelpPlaces, PlaceFigures, PlaceHelp, PlacesRequest } from "./place_help.ts";
export { type HostWatch, type MemoryWatch, RunWatch } from "./run_watch.ts";
export { evaluateWithoutEffects, Vm } from "./vm.ts";
