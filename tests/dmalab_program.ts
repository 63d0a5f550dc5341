/** Runs command lines of the program under test, which is the `dmalab` of this checkout. */
import { assert } from "@std/assert";
import { join } from "node:path";
import { MemoryScreen } from "@dmalab/cli";
import { LAZY_IMPORTS } from "@dmalab/cli/extend";
import "@dmalab/bin/provide";
import { main } from "@dmalab/cli/program";
import { type DenoOptions, type DenoRun, runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

/**
 * Checks that a run with `--limit time-seconds=1` was ended by the limit of its CPU time. A run that got less than a tenth of
 * a CPU is ended by the wall clock instead.
 */
export function assertOutOfTime(output: string, tookMs: number): void {
  const limits = { "1s of CPU time": 1000, "10s of wall-clock time": 10_000 };
  const [, limit] = output.match(/error\[E0806\]: the run took longer than (.*)/) ?? [];
  const leastMs = limits[limit as keyof typeof limits];
  assert(leastMs <= tookMs, `${limit ?? "no limit"} after ${tookMs} ms:\n${output}`);
}

/** Runs a command line in this process. */
export async function dmalab(...words: string[]) {
  const screen = new MemoryScreen();
  const code = await main(words, screen);
  return { code, output: screen.output, errors: screen.errors };
}

/**
 * The words that start the program, as the task `dmalab` does. Without permission to read everything, all files
 * of the program are loaded at its start.
 */
export function programWords(...permissions: string[]): [command: string, ...args: string[]] {
  const readsAll = permissions.includes("-R") || permissions.includes("-A");
  const options = ["--no-prompt", ...readsAll ? [LAZY_IMPORTS] : [], ...permissions];
  return [Deno.execPath(), "run", ...options, join(ROOT, "bin/main.ts")];
}

/** The program's command line for a shell. */
export function programLine(...permissions: string[]): string {
  return programWords(...permissions).map((word) => JSON.stringify(word)).join(" ");
}

/** The REPL's prompt. */
export const PROMPT = /dma\[\d+( @ \w+)?\]> /;

/** Runs the program in a separate process, and waits for its end. */
export function runProgram(
  words: readonly string[],
  options: DenoOptions,
  ...permissions: string[]
): Promise<DenoRun> {
  const [command, ...args] = programWords(...permissions);
  return runDeno([...args, ...words], { ...options, command });
}
