/** Exit codes: docs/language/running.md. */
import { BUG_CODE, type Diagnostic } from "@dmalab/lang/diagnostics";
import type { FailureReport } from "@dmalab/lang/run";

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 130 | EndedBySignal;

/**
 * Exit codes of a session at a terminal that a signal has ended: 128 plus the signal's number, as
 * in shells.
 */
export type EndedBySignal = 129 | 131 | 143;

export const HELD: ExitCode = 0;
/** An assertion or a test failed. */
export const FAILED: ExitCode = 1;
/** The file or the command line has an error. */
export const WRONG: ExitCode = 2;
/** The run was stopped by a limit. */
export const STOPPED: ExitCode = 3;

/** The output could not be written: a full disk, for example. */
export const NOT_WRITTEN: ExitCode = 4;
export const BUG: ExitCode = 5;

/** Ctrl-C ended the run; shells report the same number for a program that Ctrl-C has ended. */
export const INTERRUPTED: ExitCode = 130;

/**
 * The worse of two exit codes. From mild to severe: success, a failure, a limit, a wrong file, a bug,
 * an interrupt, output that could not be written.
 */
export function worseExitCode(one: ExitCode, other: ExitCode): ExitCode {
  const order = [HELD, FAILED, STOPPED, WRONG, BUG, INTERRUPTED, NOT_WRITTEN];
  return order.indexOf(one) >= order.indexOf(other) ? one : other;
}

/** The exit code of a test, a bench or an input. @param failure Null if nothing failed. */
export function codeOfFailure(failure: FailureReport | null): ExitCode {
  if (failure === null) return HELD;
  return failure.kind === "bug" ? BUG : failure.kind === "limit" ? STOPPED : FAILED;
}

export function codeOfProblems(diagnostics: readonly Diagnostic[]): ExitCode {
  if (diagnostics.some(({ code }) => code === BUG_CODE)) return BUG;
  return diagnostics.some(({ severity }) => severity === "error") ? WRONG : HELD;
}
