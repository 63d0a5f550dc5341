/** The program with the command line that the tests try: this checkout's. */
import { assert } from "@std/assert";
import { join } from "node:path";
import { MemoryScreen } from "@dmalab/cli";
import { LAZY_IMPORTS } from "@dmalab/cli/extend";
import "@dmalab/bin/provide";
import { main } from "@dmalab/cli/program";
import { type DenoOptions, type DenoRun, runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

/** A run with `--max-time 1` was ended: by its CPU time, or where it got less than a tenth of a CPU, by the clock. */
export function assertOutOfTime(output: string, tookMs: number): void {
  const limits = { "1s of CPU time": 1000, "10s of wall-clock time": 10_000 };
  const [, limit] = output.match(/error\[E0806\]: the run took longer than (.*)/) ?? [];
  const leastMs = limits[limit as keyof typeof limits];
  assert(leastMs <= tookMs, `${limit ?? "no limit"} after ${tookMs} ms:\n${output}`);
}

/** Does what a command line says, in this process. */
export async function dmalab(...words: string[]) {
  const screen = new MemoryScreen();
  const code = await main(words, screen);
  return { code, output: screen.output, errors: screen.errors };
}

/** The program as the task `dmalab` starts it; where not everything may be read, its files are read at the start. */
export function programWords(...permissions: string[]): [command: string, ...args: string[]] {
  const readsAll = permissions.includes("-R") || permissions.includes("-A");
  const options = ["--no-prompt", ...readsAll ? [LAZY_IMPORTS] : [], ...permissions];
  return [Deno.execPath(), "run", ...options, join(ROOT, "bin/main.ts")];
}

/** The same as a line for a shell. */
export function programLine(...permissions: string[]): string {
  return programWords(...permissions).map((word) => JSON.stringify(word)).join(" ");
}

/** The REPL's text before each input. */
export const PROMPT = /dma\[\d+( @ \w+)?\]> /;

/** Runs the program in a separate process, to its end. */
export function runProgram(
  words: readonly string[],
  options: DenoOptions,
  ...permissions: string[]
): Promise<DenoRun> {
  const [command, ...args] = programWords(...permissions);
  return runDeno([...args, ...words], { ...options, command });
}
