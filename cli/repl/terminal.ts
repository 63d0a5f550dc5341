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
import { INTERRUPT, Repl } from "./repl.ts";

const DEFAULT_COLUMNS = 80;

/** Runs the REPL until its input ends. */
export async function runTerminalRepl(
  path: string | null,
  seed: number | null,
  limits: LimitOptions,
  screen: Screen & { flush?(): void },
): Promise<ExitCode> {
  const opened = path === null ? null : HostLoader.open(path);
  if (typeof opened === "string") return refuse(opened, screen);
  const isTerminal = host.stdin.isTerminal() && screen.columns !== null;
  const lines = new LineQueue();
  const write = (text: string) => {
    screen.out(text);
    screen.flush?.();
  };
  // Filled in below: each side needs the other.
  let ask = (_text: string) => {};
  const interrupts = new Interrupts();
  // A listener of its own, so that a signal ends an input and never the session.
  const outlive = () => {};
  const isRaw = isTerminal && process.stdin.isTTY;
  const work = <T>(task: () => T): T => {
    interrupts.reset();
    // A raw terminal hands Ctrl-C over as a letter, which nobody reads during the work.
    if (isRaw) process.stdin.setRawMode(false);
    try {
      return task();
    } finally {
      if (isRaw) process.stdin.setRawMode(true);
    }
  };
  const repl = new Repl({ lines, write, prompt: (text) => ask(text), work }, {
    loader: opened?.loader ?? HostLoader.here(),
    ...seed === null ? {} : { seed },
    colour: screen.colour,
    columns: screen.columns ?? DEFAULT_COLUMNS,
    limits: allLimits(limits),
    watch: interrupts,
  });
  if (isTerminal) host.addSignalListener("SIGINT", outlive);
  const history = isTerminal ? readHistory() : [];
  const terminal = readline.createInterface({
    input: process.stdin,
    // Without a terminal nobody sees a prompt, and echoed input would be noise.
    ...isTerminal ? { output: process.stdout } : {},
    terminal: isTerminal,
    history: [...history].reverse(),
    completer: (line: string) => repl.complete(line),
  });
  if (isTerminal) {
    ask = (text) => {
      terminal.setPrompt(text);
      terminal.prompt();
    };
    write(`dmalab, a laboratory for DMA mapping. :help lists the commands, Ctrl-D ends.\n`);
  }
  const typed: string[] = [];
  terminal.on("line", (line: string) => {
    typed.push(line);
    lines.push(line);
  });
  terminal.on("SIGINT", () => {
    // What stands on the line is given up: to both sides of the cursor.
    terminal.write(null, { ctrl: true, name: "k" });
    terminal.write(null, { ctrl: true, name: "u" });
    write("^C\n");
    lines.push(INTERRUPT);
  });
  terminal.on("close", () => lines.end());
  if (opened !== null) repl.start(opened.entry);
  await repl.run();
  terminal.close();
  const isEnded = interrupts.interrupted();
  interrupts.close();
  if (isTerminal) host.removeSignalListener("SIGINT", outlive);
  else if (isEnded) return INTERRUPTED;
  if (isTerminal) writeHistory([...history, ...typed]);
  return HELD;
}
