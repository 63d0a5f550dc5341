/** How much a script may use. Each limit has an error of its own, and ends the run with exit 3. */
export interface Limits {
  /** Instructions of one test; calls and activities count for several. */
  readonly steps: number;
  /** Bytes of lists, strings and bytes that one test makes, and of simulated memory it touches. */
  readonly memoryBytes: number;
  /** Calls inside each other. */
  readonly depth: number;
  /** Lines that `print`, `show` and `explain` write in the whole run. */
  readonly outputLines: number;
  /** How long one test, or a property with all its cases, may take by the host's clock. */
  readonly timeMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  // What a slow machine does in about five seconds: a loop without an end should not be waited for.
  steps: 500_000_000,
  memoryBytes: 2 ** 30,
  depth: 1000,
  outputLines: 100_000,
  timeMs: 60_000,
};

/** What a call of a builtin costs in steps: it does much more than one instruction. */
export const BUILTIN_STEPS = 200;

/** What one activity of the machine costs in steps. */
export const ACTIVITY_STEPS = 500;

/** What another machine costs in steps, to do a run again on it. */
export const MACHINE_STEPS = 50_000;

/**
 * Builtins that call the script, inside each other, as `list.map(x => list.map(…))` does: each
 * takes a part of the host's own stack.
 */
export const NATIVE_DEPTH = 100;
