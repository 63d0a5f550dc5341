/** Begins the REPL, on a terminal or reading from a pipe. */
import type { ExitCode } from "../exit_code.ts";
import type { OpenedFile } from "../host_loader.ts";
import { refuse } from "../screen.ts";
import type { TerminalScreen } from "../terminal/terminal.ts";
import type { ReplStart } from "./open_repl.ts";
import { FIRST_PROMPT } from "./prompts.ts";
import { runLineTool } from "./run_line_tool.ts";

const GREETING = ":help lists the commands, Ctrl-D ends.";

/**
 * Runs the REPL until its input ends.
 *
 * @param path A scenario to begin with; null for none.
 * @returns From a pipe the exit code of the most severe error; at a terminal errors do not count.
 */
export async function runTerminalRepl(
  path: string | null,
  start: ReplStart,
  screen: TerminalScreen,
): Promise<ExitCode> {
  const maker = async (opened?: OpenedFile) =>
    (await import("./open_repl.ts")).replMaker(start, screen, opened);
  if (path === null) {
    const plan = { greeting: GREETING, firstPrompt: FIRST_PROMPT, load: maker };
    return await runLineTool(screen, plan);
  }
  const { HostLoader } = await import("../host_loader.ts");
  const opened = HostLoader.open(path);
  if (typeof opened === "string") return refuse(opened, screen);
  const plan = { greeting: GREETING, firstPrompt: null, load: () => maker(opened) };
  return await runLineTool(screen, plan);
}
