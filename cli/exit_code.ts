/** What the shell is told: docs/language.md, Running. */

export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** All held. */
export const HELD: ExitCode = 0;
/** An assertion or a test failed. */
export const FAILED: ExitCode = 1;
/** The file is wrong, or the command line. */
export const WRONG: ExitCode = 2;
/** The run was stopped by a limit. */
export const STOPPED: ExitCode = 3;

/** Ctrl-C ended the run; the number is what shells say of a program that it has ended. */
export const INTERRUPTED: ExitCode = 130;

/** The worse of two outcomes: a wrong file before a limit, a limit before a failure. */
export function worseExitCode(one: ExitCode, other: ExitCode): ExitCode {
  const order = [HELD, FAILED, STOPPED, WRONG, INTERRUPTED];
  return order.indexOf(one) >= order.indexOf(other) ? one : other;
}
