/** Starts the REPL, on a terminal or reading from a pipe. */
import type { ExitCode } from "../exit_code.ts";
import { refuse } from "../print_error.ts";
import type { TerminalScreen } from "../terminal/terminal.ts";
import type { ReplStart } from "./open_repl.ts";
import { FIRST_PROMPT } from "./prompts.ts";
import { runLineTool } from "./run_line_tool.ts";

/**
 * Runs the REPL until its input ends.
 *
 * @param path A scenario that is loaded first; null for none.
 * @returns From a pipe, the exit code of the most severe error. At a terminal, errors do not affect
 *   the exit code.
 */
export async function runTerminalRepl(
  path: string | null,
  start: ReplStart,
  screen: TerminalScreen,
): Promise<ExitCode> {
  const opened = path === null ? null : (await import("../host_loader.ts")).HostLoader.open(path);
  if (typeof opened === "string") return refuse(opened, screen);
  return await runLineTool(screen, {
    greeting: ":help lists the commands, Ctrl-D ends.",
    firstPrompt: opened === null ? FIRST_PROMPT : null,
    load: async () => (await import("./open_repl.ts")).replMaker(start, screen, opened),
  });
}
