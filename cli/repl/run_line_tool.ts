/** Runs a tool line by line, on a terminal or from a pipe. */
import { type ExitCode, HELD, INTERRUPTED } from "../exit_code.ts";
import { host } from "../host.ts";
import { SignalWatch } from "../interrupts.ts";
import { begunLines, pipedLines } from "../terminal/piped_lines.ts";
import type { TerminalScreen } from "../terminal/terminal.ts";
import type { LineToolPlan, ToolOptions } from "./line_tool.ts";

const DEFAULT_COLUMNS = 80;

/** Runs a tool until its lines end. */
export async function runLineTool(
  screen: TerminalScreen,
  plan: LineToolPlan,
): Promise<ExitCode> {
  const options: ToolOptions = {
    colour: screen.colour,
    columns: screen.columns ?? DEFAULT_COLUMNS,
  };
  // Not by its columns: a terminal may not know them.
  if (host.stdin.isTerminal() && host.stdout.isTerminal()) {
    const { runAtTerminal } = await import("./at_terminal.ts");
    return await runAtTerminal(screen, plan, options);
  }
  return await fromPipe(screen, plan, options);
}

/** Without a terminal there is no prompt, and input is not echoed. */
async function fromPipe(
  screen: TerminalScreen,
  { firstPrompt, load }: LineToolPlan,
  options: ToolOptions,
): Promise<ExitCode> {
  const write = (text: string) => {
    screen.out(text);
    screen.flush?.();
  };
  const interrupts = new SignalWatch();
  try {
    const lines = firstPrompt === null ? pipedLines() : await begunLines(pipedLines());
    if (lines === null) return HELD;
    const make = await load();
    const tool = make({ lines, write, prompt: () => {} }, { ...options, watch: interrupts });
    tool.start?.();
    await tool.run();
    return interrupts.interrupted() ? INTERRUPTED : tool.exitCode;
  } finally {
    interrupts.close();
  }
}
