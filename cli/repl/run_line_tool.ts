/** Runs a tool line by line, on a terminal or from a pipe. */
import { type ExitCode, HELD } from "../exit_code.ts";
import { host } from "../host.ts";
import { SignalWatch } from "../interrupts.ts";
import type { TerminalScreen } from "../terminal/terminal.ts";
import type { LineToolPlan, ToolOptions } from "./line_tool.ts";

const CHUNK_BYTES = 1 << 16;

/**
 * Line ends. A carriage return at the end of a chunk does not match, because the next chunk may
 * begin with the line feed.
 */
const LINE_END = /\r\n|\n|\r(?!$)/;

/**
 * The lines of the process's input without their line ends, if the input is no terminal. Node's
 * `readline` is not used, because loading it doubles the time of a start.
 */
async function* pipedLines(): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(CHUNK_BYTES);
  let rest = "";
  for (;;) {
    const length = await host.stdin.read(chunk);
    rest += decoder.decode(chunk.subarray(0, length ?? 0), { stream: length !== null });
    const lines = rest.split(LINE_END);
    rest = lines.pop()!;
    yield* lines;
    if (length === null) break;
  }
  if (rest !== "") yield rest.replace(/\r$/, "");
}

/**
 * Waits for the first line of the input.
 * @returns An iterator over all lines, including the first; null if there are no lines.
 */
async function begunLines(
  lines: AsyncGenerator<string>,
): Promise<AsyncGenerator<string> | null> {
  const first = await lines.next();
  return first.done === true ? null : withFirst(first.value, lines);
}

async function* withFirst(first: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

export async function runLineTool(
  screen: TerminalScreen,
  plan: LineToolPlan,
): Promise<ExitCode> {
  const options: ToolOptions = {
    colour: screen.colour,
    // Lines in a pipe are whole, so that `grep` finds them.
    columns: screen.columns ?? Infinity,
  };
  const write = (text: string) => {
    screen.out(text);
    screen.flush?.();
  };
  // The number of columns is not checked, because a terminal may not know it.
  if (host.stdin.isTerminal() && host.stdout.isTerminal()) {
    const { runAtTerminal } = await import("./at_terminal.ts");
    return await runAtTerminal(screen, plan, options, write);
  }
  return await fromPipe(plan, options, write);
}

/** Reads lines from a pipe: there is no prompt, and input is not echoed. */
async function fromPipe(
  { firstPrompt, load }: LineToolPlan,
  options: ToolOptions,
  write: (text: string) => void,
): Promise<ExitCode> {
  using interrupts = new SignalWatch();
  const lines = firstPrompt === null ? pipedLines() : await begunLines(pipedLines());
  if (lines === null) return HELD;
  const make = await load();
  const tool = make({ lines, write, prompt: () => {} }, { ...options, watch: interrupts });
  tool.start?.();
  await tool.run();
  return interrupts.exitCode(tool.exitCode);
}
