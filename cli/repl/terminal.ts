/** The REPL on a terminal, or reading from a pipe: `node:readline` around the core. */
import { host } from "../host.ts";
import * as readline from "node:readline";
import process from "node:process";
import { HostLoader } from "../host_loader.ts";
import { type ExitCode, HELD, INTERRUPTED } from "../exit_code.ts";
import { Interrupts } from "../interrupts.ts";
import { allLimits, type LimitOptions } from "../scenario/limit_options.ts";
import { refuse, type Screen } from "../screen.ts";
import { readHistory, writeHistory } from "./history.ts";
import { LineQueue } from "./line_queue.ts";
import type { Completion } from "./completion.ts";
import { INTERRUPT, Repl, type ReplConsole, type ReplOptions } from "./repl.ts";
import { TerminalSignals } from "./terminal_signals.ts";

const DEFAULT_COLUMNS = 80;

/** What is driven line by line: the REPL, or the debugger. */
export interface LineTool {
  readonly exitCode: ExitCode;
  /** Done before the first prompt. */
  start?(): void;
  /** Reads and does lines until they end. */
  run(): Promise<void>;
  complete(line: string): Completion;
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
  screen: LineScreen,
): Promise<ExitCode> {
  const opened = path === null ? null : HostLoader.open(path);
  if (typeof opened === "string") return Promise.resolve(refuse(opened, screen));
  return runLineTool(screen, ":help lists the commands, Ctrl-D ends.", (console, options) => {
    const repl = new Repl(console, {
      ...options,
      loader: opened?.loader ?? HostLoader.here(),
      ...seed === null ? {} : { seed },
      limits: allLimits(limits),
    });
    return {
      get exitCode() {
        return repl.exitCode;
      },
      start: () => opened !== null && repl.start(opened.entry),
      run: () => repl.run(),
      complete: (line) => repl.complete(line),
    };
  });
}

type LineScreen = Screen & { flush?(): void };

/**
 * Runs a tool on a terminal, or from a pipe, until its lines end.
 *
 * @param greeting What a person is told first.
 */
export async function runLineTool(
  screen: LineScreen,
  greeting: string,
  make: (console: ReplConsole, options: ToolOptions) => LineTool,
): Promise<ExitCode> {
  // Not by its columns: a terminal may not know them.
  const isTerminal = host.stdin.isTerminal() && host.stdout.isTerminal();
  const lines = new LineQueue();
  const write = (text: string) => {
    screen.out(text);
    screen.flush?.();
  };
  // Filled in below: each side needs the other.
  let ask = (_text: string) => {};
  const interrupts = new Interrupts();
  const work = <T>(task: () => T): T => {
    interrupts.reset();
    return task();
  };
  const tool = make({ lines, write, prompt: (text) => ask(text), work }, {
    colour: screen.colour,
    columns: screen.columns ?? DEFAULT_COLUMNS,
    watch: interrupts,
  });
  const history = isTerminal ? readHistory() : [];
  const terminal = readline.createInterface({
    input: process.stdin,
    // Without a terminal nobody sees a prompt, and echoed input would be noise.
    ...isTerminal ? { output: process.stdout } : {},
    terminal: isTerminal,
    history: [...history].reverse(),
    completer: (line: string) => tool.complete(line),
  });
  const giveUpLine = () => {
    // What ended an input is no word about the line after it.
    if (interrupts.interrupted()) return interrupts.reset();
    // What stands on the line is given up: to both sides of the cursor.
    terminal.write(null, { ctrl: true, name: "k" });
    terminal.write(null, { ctrl: true, name: "u" });
    write("^C\n");
    lines.push(INTERRUPT);
  };
  const askAgain = () => terminal.prompt(true);
  const notStopped = () => {
    write("\n^Z would stop this, and not who started it: start dmalab itself to have it\n");
    askAgain();
  };
  const signals = isTerminal
    ? new TerminalSignals(terminal, { interrupted: giveUpLine, resumed: askAgain, notStopped })
    : null;
  if (isTerminal) {
    ask = (text) => {
      terminal.setPrompt(text);
      terminal.prompt();
    };
    write(`dmalab, a laboratory for DMA mapping. ${greeting}\n`);
  }
  const typed: string[] = [];
  terminal.on("line", (line: string) => {
    typed.push(line);
    lines.push(line);
  });
  terminal.on("close", () => lines.end());
  tool.start?.();
  await tool.run();
  terminal.close();
  const isEnded = interrupts.interrupted();
  interrupts.close();
  signals?.close();
  if (!isTerminal) return isEnded ? INTERRUPTED : tool.exitCode;
  writeHistory([...history, ...typed]);
  return HELD;
}
