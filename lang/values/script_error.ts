/**
 * What goes wrong in a script while it runs, other than a kernel error.
 *
 * The third family beside `KernelError` (a script can expect it) and `InvariantError` (a bug in the
 * simulator): the script asked for something that makes no sense, or ran into one of its limits.
 * Nothing in a script catches these; they end the test.
 */
import type { DiagnosticCode } from "../diagnostics/codes.ts";

/** A call that makes no sense: a wrong kind of value, an index out of range, an overflow. */
export class ScriptError extends Error {
  /** The class of the error. */
  override readonly name: string = "ScriptError";
  /** Names the mistake in the table of diagnostics. */
  readonly code: DiagnosticCode;
  /** How to put it right, or null. */
  readonly hint: string | null;

  /**
   * A mistake with its code.
   *
   * @param code Names the mistake in the table of diagnostics.
   * @param message What is wrong, with the value: sentence case, no final period.
   * @param hint How to put it right.
   */
  constructor(code: DiagnosticCode, message: string, hint: string | null = null) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** E0919: a value of the right kind that is outside what is possible there, or a state that forbids the call. */
export class ValueError extends ScriptError {
  constructor(message: string, hint: string | null = null) {
    super("E0919", message, hint);
  }
}

/** E0913: a value of a wrong kind, which only the run could find. */
export class KindError extends ScriptError {
  constructor(message: string, hint: string | null = null) {
    super("E0913", message, hint);
  }
}

/** A limit of the run was reached: steps, memory, call depth or output. Exit code 3. */
export class LimitError extends ScriptError {
  override readonly name = "LimitError";
}
