/** What other members use of `cli/extend`. */
export { type Command, command, type Invocation } from "./command.ts";
export { JOBS, LIMITS, MATCH, SEED, VERDICT } from "./commands/scenario_options.ts";
export {
  codeOfFailure,
  codeOfProblems,
  type ExitCode,
  FAILED,
  HELD,
  INTERRUPTED,
  STOPPED,
  worseExitCode,
  WRONG,
} from "./exit_code.ts";
export type { Extension, LineExplainer } from "./extension.ts";
export { ProcessScreen, refuse, type Screen } from "./screen.ts";
