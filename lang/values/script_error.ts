/**
 * Errors of a running script, other than kernel errors.
 *
 * There are three kinds of errors. A script can expect a `KernelError`. An `InvariantError` is a
 * bug in the simulator. The errors in this file mean that the script did something without a
 * meaning, or reached one of its limits. A script cannot catch them; they end the test.
 */
import type { DiagnosticCode } from "../diagnostics/codes.ts";

/** A call without a meaning: a wrong kind of value, an index out of range, an overflow. */
export class ScriptError extends Error {
  /** The name of the class. */
  override readonly name: string = "ScriptError";
  /** Identifies the mistake in the table of diagnostics. */
  readonly code: DiagnosticCode;
  /** How to correct the mistake, or null. */
  readonly hint: string | null;

  /**
   * A mistake with its code.
   *
   * @param code Identifies the mistake in the table of diagnostics.
   * @param message What is wrong, with the value: sentence case, no final period.
   * @param hint How to correct it.
   */
  constructor(code: DiagnosticCode, message: string, hint: string | null = null) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/**
 * E0919: a value of the right kind outside the possible range, or a state that forbids the call.
 */
export class ValueError extends ScriptError {
  constructor(message: string, hint: string | null = null) {
    super("E0919", message, hint);
  }
}

/** E0913: a value of a wrong kind, which was only known at run time. */
export class KindError extends ScriptError {
  constructor(message: string, hint: string | null = null) {
    super("E0913", message, hint);
  }
}

/** A limit of the run was reached: steps, memory, call depth or output. Exit code 3. */
export class LimitError extends ScriptError {
  override readonly name = "LimitError";
}
