/** Other workspace members use these exports of `cli/extend`. */
export {
  action,
  choice,
  type Command,
  command,
  commandOfActions,
  flag,
  integer,
  type Invocation,
  needed,
  text,
  texts,
} from "./command.ts";
export {
  BRANCH,
  COMPILER,
  JOBS,
  LIMIT,
  MATCH,
  SEED,
  VERDICT,
} from "./commands/scenario_options.ts";
export type {
  Extension,
  ForeignFile,
  InitDriver,
  JobRunner,
  LineExplainer,
  LogOutput,
} from "./extension.ts";
export { printError, refuse } from "./print_error.ts";
export { ProcessScreen, progressLine, type Screen } from "./screen.ts";
export * from "./jobs/mod.ts";
export * from "./shell_words.ts";
export * from "./package_version.ts";
export * from "./paths.ts";
export * from "./permissions.ts";
export { linkerBeside, SYSTEM_CLANGS } from "./system_clang.ts";
export { readBranchOption } from "./read_branch.ts";
