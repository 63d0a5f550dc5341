/** The REPL on a terminal, or reading from a pipe. */
import { host } from "../host.ts";
import * as readline from "node:readline";
import process from "node:process";
import { writeHostFile } from "../host_file.ts";
import { HostLoader } from "../host_loader.ts";
import { type ExitCode, HELD, INTERRUPTED } from "../exit_code.ts";
import { Interrupts } from "../interrupts.ts";
import { allLimits, type LimitOptions } from "../scenario/limit_options.ts";
import { refuse } from "../screen.ts";
import type { InputHistory } from "../terminal/input_history.ts";
import type { LineConsole } from "../terminal/line_console.ts";
import { LineEditor, type Suggestions } from "../terminal/line_editor.ts";
import { LineReader } from "../terminal/line_reader.ts";
import { ENDING_SIGNALS, Terminal, type TerminalScreen } from "../terminal/terminal.ts";
import { openHistory } from "./history.ts";
import { withoutPrompts } from "./prompts.ts";
import { Repl, type ReplOptions } from "./repl.ts";

const DEFAULT_COLUMNS = 80;

/** What is driven line by line: the REPL, or the debugger. */
export interface LineTool {
  readonly exitCode: ExitCode;
  /** Done before the first prompt. */
  start?(): void;
  /** Reads and does lines until they end. */
  run(): Promise<void>;
  /** What could stand where a text ends. */
  suggest(before: string): Suggestions;
  /** Whether a text is an input, and not only its beginning. */
  isWhole(text: string): boolean;
}

/** What a tool is made with. */
export type ToolOptions = Pick<ReplOptions, "colour" | "columns" | "watch">;

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

/** Makes a tool that works with a console. */
type MakeTool = (console: LineConsole, options: ToolOptions) => LineTool;

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
  // Not by its columns: a terminal may not know them.
  const isTerminal = host.stdin.isTerminal() && host.stdout.isTerminal();
  let terminal: Terminal | null = null;
  const interrupts = isTerminal
    ? new Interrupts(ENDING_SIGNALS, () => terminal?.redraw())
    : new Interrupts();
  const options: ToolOptions = {
    colour: screen.colour,
    columns: screen.columns ?? DEFAULT_COLUMNS,
    watch: interrupts,
  };
  try {
    if (isTerminal) {
      terminal = new Terminal(screen, { whole: false });
      return await atTerminal({ screen, terminal, interrupts }, greeting, make, options);
    }
    return await fromPipe(screen, interrupts, make, options);
  } finally {
    terminal?.close();
    interrupts.close();
  }
}

const writing = (screen: TerminalScreen) => (text: string) => {
  screen.out(text);
  screen.flush?.();
};

/** Without a terminal nobody sees a prompt, and echoed input would be noise. */
async function fromPipe(
  screen: TerminalScreen,
  interrupts: Interrupts,
  make: MakeTool,
  options: ToolOptions,
): Promise<ExitCode> {
  const lines = readline.createInterface({ input: process.stdin, terminal: false });
  const tool = make({ lines, write: writing(screen), prompt: () => {} }, options);
  tool.start?.();
  await tool.run();
  lines.close();
  return interrupts.interrupted() ? INTERRUPTED : tool.exitCode;
}

async function atTerminal(
  { interrupts, screen, terminal }: {
    readonly screen: TerminalScreen;
    readonly terminal: Terminal;
    readonly interrupts: Interrupts;
  },
  greeting: string,
  make: MakeTool,
  options: ToolOptions,
): Promise<ExitCode> {
  const history: InputHistory = openHistory();
  // Each side needs the other.
  let tool: LineTool | null = null;
  const editor = new LineEditor({
    history,
    suggest: (before) => tool!.suggest(before),
    isWhole: (text) => tool!.isWhole(text),
    pasted: withoutPrompts,
  });
  const reader = new LineReader(terminal, editor);
  tool = make({
    lines: reader.lines(),
    write: writing(screen),
    prompt: (text) => reader.prompt(text),
    work: (task) => {
      interrupts.reset();
      return terminal.work(task);
    },
    lend: (task) => terminal.lend(task),
    begin: (text) => reader.begin(text),
  }, options);
  writing(screen)(`dmalab, a laboratory for DMA mapping. ${greeting}\n`);
  tool.start?.();
  await tool.run();
  return reader.endedBy ?? HELD;
}
