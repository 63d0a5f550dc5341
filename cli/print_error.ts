/** How a command says why it does nothing. It needs no host, so that the pages can load it. */
import { foldLine } from "@dmalab/lang/text";
import { type ExitCode, WRONG } from "./exit_code.ts";
import type { Screen } from "./screen.ts";

/** Prints an error without a place in a file; on a terminal, its lines are broken at spaces. */
export function printError(problem: string, screen: Screen): void {
  const { columns } = screen;
  for (const line of `error: ${problem}`.split("\n")) {
    const parts = columns === null ? [line] : foldLine(line, columns);
    screen.err(`${parts.join("\n")}\n`);
  }
}

/**
 * Prints why a command does nothing.
 * @param problem A sentence without its full stop.
 * @returns The exit code.
 */
export function refuse(problem: string, screen: Screen): ExitCode {
  printError(problem, screen);
  return WRONG;
}
