/** How much a script may use. Each limit has a separate error, and ends the run with exit 3. */
export interface Limits {
  /** Instructions of one test; calls, activities and walks over values count for several. */
  readonly steps: number;
  /** Bytes of lists, strings and bytes that one test holds, and of the host that its machines take. */
  readonly memoryBytes: number;
  /** Calls inside each other. */
  readonly depth: number;
  /** Events of one machine that are kept for readers: traces, `events`, tests. */
  readonly events: number;
  /** Lines that `print`, `show` and `explain` write in the whole run. */
  readonly outputLines: number;
  /** Bytes of these lines, in UTF-8; and of the events that `--trace` prints beside them. */
  readonly outputBytes: number;
  /**
   * Processor time of one test, or of a property with all its cases; by the clock, which a busy host
   * does not stop, {@linkcode CLOCK_TIMES} times as much.
   */
  readonly timeMs: number;
}

/** How many times {@linkcode Limits.timeMs} a test may take by the clock. */
export const CLOCK_TIMES = 10;

/** The limits of a run that names none. */
export const DEFAULT_LIMITS: Limits = {
  // The work of a slow machine in about five seconds, so that an endless loop ends soon.
  steps: 500_000_000,
  memoryBytes: 2 ** 30,
  depth: 1000,
  events: 1_000_000,
  outputLines: 100_000,
  outputBytes: 2 ** 24,
  timeMs: 60_000,
};

/** How large a file may be that a script reads as data, in bytes. */
export const DATA_FILE_BYTES = 16 * 2 ** 20;
/** How many values such a file may have. */
export const DATA_VALUES = 1_000_000;
/** How deep lists and records may be nested there. */
export const DATA_DEPTH = 100;

/**
 * Lists and records inside each other that something walks: printing, comparing, waiting. The
 * host's own stack is no limit: it changes from one run of the same script to the next.
 */
export const VALUE_DEPTH = 1000;

/** The steps of a builtin's call: it does much more than one instruction. */
export const BUILTIN_STEPS = 200;

/** What one activity of the machine costs in steps. */
export const ACTIVITY_STEPS = 500;

/** Bytes of a new value that are one step of work. */
export const STEP_BYTES = 16;

/** What one of two values costs in steps that are compared, or are looked for in a list. */
export const COMPARE_STEPS = 2;

/** The steps of writing a value as text, besides its characters. */
export const FORMAT_STEPS = 16;

/** What values cost of the memory limit: about what they take of the host's. */
export const LIST_BYTES = 96;
export const ITEM_BYTES = 8;
/** A character of a text. */
export const CHARACTER_BYTES = 2;
/** An item that is a new value itself, such as a size or a part of a text. */
export const NEW_ITEM_BYTES = 40;
export const RECORD_BYTES = 288;
export const ENTRY_BYTES = 40;
export const CLOSURE_BYTES = 96;
/** A call that has not returned, with what is reported about it when something fails inside. */
export const CALL_BYTES = 256;
/** A variable of it: the stack has room for more, and grows by copying. */
export const SLOT_BYTES = 24;
/** A statement that an order of a race has run. */
export const RACE_STEP_BYTES = 128;

/** The memory of a kept machine, apart from its pages and its events. */
export const MACHINE_BYTES = 2 ** 19;

/** What another machine costs in steps, to do a run again on it. */
export const MACHINE_STEPS = 50_000;

/**
 * Builtins that call the script, inside each other, as `list.map(x => list.map(…))` does: each
 * takes a part of the host's own stack.
 */
export const NATIVE_DEPTH = 100;
