/** Other workspace members use these exports of `cli/repl`. */
export type { CommandContext } from "./command_target.ts";
export { REPL_COMMANDS, runReplCommand } from "./commands.ts";
export { suggestWords } from "./completion.ts";
export { openHistory } from "./at_terminal.ts";
export { replMaker } from "./open_repl.ts";
export { FIRST_PROMPT } from "./prompts.ts";
export { Repl } from "./repl.ts";
