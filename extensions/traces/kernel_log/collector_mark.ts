/**
 * Marks written by the collector into the log and the trace. They give the offset between the
 * clocks of the two files.
 */

/**
 * Returns the number that the collector wrote into the trace and into the log at the same time, or
 * null.
 */
export function markIn(text: string): string | null {
  return /\bdmalab-mark (\d{1,15})\b/.exec(text)?.[1] ?? null;
}
