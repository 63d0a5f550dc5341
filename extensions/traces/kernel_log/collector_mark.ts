/** Marks written by the collector, which tie the clock of a log to that of a trace. */

/**
 * Returns the number that the collector wrote into the trace and into the log at the same time, or
 * null.
 */
export function markIn(text: string): string | null {
  return /\bdmalab-mark (\d{1,15})\b/.exec(text)?.[1] ?? null;
}
