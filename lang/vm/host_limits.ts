/** What the host says when a script has used up something of its. */
import { LimitError } from "../values/script_error.ts";

/**
 * The limit behind an error of the host: values nested too deeply for its stack, or too large for
 * one string or array. Null for any other error.
 */
export function hostLimit(error: unknown): LimitError | null {
  if (!(error instanceof RangeError)) return null;
  if (/call stack/.test(error.message)) {
    return new LimitError("E0803", "Values or calls are nested too deeply");
  }
  return /^Invalid (string|array|typed array) length|allocation failed/.test(error.message)
    ? new LimitError("E0802", "A single value takes more memory than there can be")
    : null;
}
