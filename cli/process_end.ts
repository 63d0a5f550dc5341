/**
 * Ends a process of dmalab with a message and an exit code, whatever error was thrown. It never
 * prints a stack trace.
 */
import { host } from "./host.ts";
import {
  afterColon,
  BUG_CODE,
  BUG_HINT,
  bugMessage,
  bugPlace,
  printable,
} from "@dmalab/lang/diagnostics";
import { BUG, type ExitCode, NOT_WRITTEN, WRONG } from "./exit_code.ts";
import { FileError, FullDiskError } from "./files/file_error.ts";
import { hostReason, isFullDisk, isHostError } from "./host_error.ts";
import { SlowMatch } from "./read_matches.ts";
import { printError } from "./print_error.ts";
import type { ProcessScreen, Screen } from "./screen.ts";

/**
 * Runs the work of a process, and writes its output.
 *
 * @returns The exit code; {@linkcode NOT_WRITTEN} when something could not be written.
 */
export async function toItsEnd(
  work: () => Promise<ExitCode>,
  screen: ProcessScreen,
): Promise<ExitCode> {
  let exitCode: ExitCode;
  try {
    exitCode = await work();
  } catch (error) {
    exitCode = printThrown(error, screen);
  }
  screen.flush();
  if (screen.notWritten === null) return exitCode;
  printNotWritten(screen.notWritten);
  return NOT_WRITTEN;
}

/** Prints an uncaught error. @returns The exit code. */
function printThrown(error: unknown, screen: Screen): ExitCode {
  if (error instanceof FileError) {
    screen.err(error.lines);
    return WRONG;
  }
  if (error instanceof SlowMatch) {
    printError(printable(error.message), screen);
    return WRONG;
  }
  if (error instanceof FullDiskError) {
    printError(error.message, screen);
    return NOT_WRITTEN;
  }
  if (isHostError(error)) {
    printError(`A system call failed: ${hostReason(error)}`, screen);
    return isFullDisk(error) ? NOT_WRITTEN : WRONG;
  }
  const place = bugPlace(error);
  const lines = [
    `error[${BUG_CODE}]: ${afterColon(printable(bugMessage(error)))}`,
    ...place === null ? [] : [`   = found at: ${place}`],
    `   = hint: ${BUG_HINT}`,
    `   = input: ${printable(host.args.join(" "))}`,
  ];
  screen.err(lines.map((line) => `${line}\n`).join(""));
  return BUG;
}

/**
 * Reports on the error stream that output could not be written. If the error stream cannot be
 * written either, only the exit code shows the problem.
 */
function printNotWritten(why: string): void {
  try {
    host.stderr.writeSync(new TextEncoder().encode(`error: Cannot write the output: ${why}\n`));
  } catch {
    // The error stream is closed, too.
  }
}
