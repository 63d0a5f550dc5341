/** Marks that the collector writes, which tie the clock of a log to that of a trace. */

/** A number that the collector writes into the trace and into the log at once, or null. */
export function markIn(text: string): string | null {
  return /\bdmalab-mark (\d{1,15})\b/.exec(text)?.[1] ?? null;
}
