/** A module that is imported before all others, to record when a program's code begins to run. */

/** Milliseconds since 1970, by a clock that all processes share. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

export const BEGUN_MS = nowMs();
