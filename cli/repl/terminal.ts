/** The REPL on a terminal, or reading from a pipe. */
import { host } from "../host.ts";
import { writeHostFile } from "../host_file.ts";
import { HostLoader } from "../host_loader.ts";
import { type ExitCode, INTERRUPTED } from "../exit_code.ts";
import { Interrupts } from "../interrupts.ts";
import { allLimits, type LimitOptions } from "../scenario/limit_options.ts";
import { exportRecording } from "../scenario/export_recording.ts";
import { refuse } from "../screen.ts";
import { pipedLines } from "../terminal/piped_lines.ts";
import type { TerminalScreen } from "../terminal/terminal.ts";
import type { MakeTool, ToolOptions } from "./line_tool.ts";
import { Repl } from "./repl.ts";

const DEFAULT_COLUMNS = 80;

/**
 * Runs the REPL until its input ends.
 *
 * @returns From a pipe the worst of what the lines came to; a person at a terminal has seen it.
 */
export function runTerminalRepl(
  path: string | null,
  seed: number | null,
  limits: LimitOptions,
  screen: TerminalScreen,
): Promise<ExitCode> {
  const opened = path === null ? null : HostLoader.open(path);
  if (typeof opened === "string") return Promise.resolve(refuse(opened, screen));
  return runLineTool(screen, ":help lists the commands, Ctrl-D ends.", (console, options) => {
    const repl = new Repl(console, {
      ...options,
      loader: opened?.loader ?? HostLoader.here(),
      save: (path, text) => writeHostFile(path, text, screen),
      exportRun: exportRecording,
      ...seed === null ? {} : { seed },
      limits: allLimits(limits),
    });
    return {
      get exitCode() {
        return repl.exitCode;
      },
      start: () => opened !== null && repl.start(opened.entry),
      run: () => repl.run(),
      suggest: (before) => repl.suggest(before),
      isWhole: (text) => repl.isWhole(text),
    };
  });
}

/**
 * Runs a tool on a terminal, or from a pipe, until its lines end.
 *
 * @param greeting What a person is told first.
 */
export async function runLineTool(
  screen: TerminalScreen,
  greeting: string,
  make: MakeTool,
): Promise<ExitCode> {
  const options: ToolOptions = {
    colour: screen.colour,
    columns: screen.columns ?? DEFAULT_COLUMNS,
  };
  // Not by its columns: a terminal may not know them.
  if (host.stdin.isTerminal() && host.stdout.isTerminal()) {
    const { runAtTerminal } = await import("./at_terminal.ts");
    return await runAtTerminal(screen, greeting, make, options);
  }
  return await fromPipe(screen, make, options);
}

/** Without a terminal nobody sees a prompt, and echoed input would be noise. */
async function fromPipe(
  screen: TerminalScreen,
  make: MakeTool,
  options: ToolOptions,
): Promise<ExitCode> {
  const write = (text: string) => {
    screen.out(text);
    screen.flush?.();
  };
  const interrupts = new Interrupts();
  try {
    const console = { lines: pipedLines(), write, prompt: () => {} };
    const tool = make(console, { ...options, watch: interrupts });
    tool.start?.();
    await tool.run();
    return interrupts.interrupted() ? INTERRUPTED : tool.exitCode;
  } finally {
    interrupts.close();
  }
}
