/** The host's messages when a script has used up one of the host's resources. */
import { LimitError } from "../values/script_error.ts";

/**
 * The limit that an error of the host means: values nested too deeply for the host's stack, or too
 * large for one string or array. Null for any other error.
 */
export function hostLimit(error: unknown): LimitError | null {
  if (!(error instanceof RangeError || error instanceof SyntaxError)) return null;
  // If a regular expression is compiled for the first time when little of the stack is left, the
  // host throws a SyntaxError about the stack.
  if (/call stack|: Stack overflow$/.test(error.message)) {
    return new LimitError("E0803", "Values or calls are nested too deeply");
  }
  return TOO_LARGE.test(error.message)
    ? new LimitError("E0802", "A single value takes more memory than the host can allocate")
    : null;
}

const TOO_LARGE =
  /^(?:Invalid (?:string|array|typed array|array buffer) length|(?:Map|Set) maximum size exceeded)|allocation failed/i;
