import { groupThousands } from "../text/numbers.ts";

/** Limits of a script. Each limit has its own error. Reaching a limit ends the run with exit code 3. */
export interface Limits {
  /** Instructions of one test; calls, activities and traversals of values count as several. */
  readonly steps: number;
  /**
   * Bytes of the lists, strings and byte values that are live in one test, plus the host memory of
   * the test's machines.
   */
  readonly memoryBytes: number;
  /** Nested calls. */
  readonly depth: number;
  /** Events of one machine that are kept for traces, `events` and tests. */
  readonly events: number;
  /** Lines that `print`, `show` and `explain` write in the whole run. */
  readonly outputLines: number;
  /**
   * Bytes of the output in UTF-8. The output consists of its lines, and of the events that
   * `--trace` prints beside the lines.
   */
  readonly outputBytes: number;
  /**
   * Processor time of one test, or of a property with all its cases. The limit of wall-clock time
   * is {@linkcode CLOCK_TIMES} times as much, because wall-clock time also passes while the host is
   * busy.
   */
  readonly timeMs: number;
}

/** The wall-clock time that a test may take, as a multiple of {@linkcode Limits.timeMs}. */
export const CLOCK_TIMES = 10;

/** A limit, as users set it: `--limit NAME=VALUE`, or a key of `limits` in a launch configuration. */
export interface LimitSpec {
  readonly name: string;
  /** The default, in the unit of {@linkcode Limits}. */
  readonly value: number;
  /** One unit of the user's value, in the unit of {@linkcode Limits}; 1 if not set. */
  readonly factor?: number;
  /** The user's unit, and what the limit applies to. */
  readonly brief: string;
  /** What the limit applies to, for `docs/language/running.md`. */
  readonly doc: string;
  /** The code of the error at the limit. */
  readonly code: string;
}

/** All limits; every command that runs scenarios has all of them. */
export const LIMITS = {
  steps: {
    name: "steps",
    // The number of steps that a slow machine does in about five seconds, so that an endless loop
    // ends soon.
    value: 500_000_000,
    brief: "VM instructions per test",
    doc:
      "work of one test. A step is a simple instruction; calls, activities, and operations that " +
      "walk a value, such as comparing, printing and joining, cost steps in proportion to its size",
    code: "E0801",
  },
  memoryBytes: {
    name: "memory-bytes",
    value: 2 ** 30,
    brief: "bytes of script and machine memory per test",
    doc: "bytes of values and of simulated memory that are held at one time; dropped values are " +
      "credited",
    code: "E0802",
  },
  depth: {
    name: "depth",
    value: 1000,
    brief: "nested calls",
    doc: "calls inside each other",
    code: "E0803",
  },
  outputLines: {
    name: "output-lines",
    value: 100_000,
    brief: "lines of print, show and explain per run",
    doc: "lines of `print`, `show` and `explain` in the whole run",
    code: "E0804",
  },
  outputBytes: {
    name: "output-bytes",
    value: 2 ** 24,
    brief: "bytes of these lines per run",
    doc:
      "bytes of these lines; events that `--trace` prints have an additional limit of the same " +
      "size",
    code: "E0804",
  },
  events: {
    name: "events",
    value: 1_000_000,
    brief: "events recorded per machine",
    doc: "recorded events of one machine",
    code: "E0805",
  },
  timeMs: {
    name: "time-seconds",
    value: 60_000,
    factor: 1000,
    brief: `CPU seconds per test, and per file in C; wall-clock time: ${CLOCK_TIMES} times as long`,
    doc:
      "processor time of the threads that run one test (and of the compiler for each file in C, " +
      "`E0714`), or a property with all its cases: a busy host slows it and does not fail it. The " +
      `limit in wall-clock time is ${CLOCK_TIMES} times as much`,
    code: "E0806",
  },
} as const satisfies Readonly<Record<keyof Limits, LimitSpec>>;

/** The name of a limit, as users write it. */
export type LimitName = (typeof LIMITS)[keyof Limits]["name"];

/** The default limits of a run. */
export const DEFAULT_LIMITS: Limits = limitsOf({});

/** The limits with the given values in the user's units; the defaults of the others. */
export function limitsOf(given: Readonly<Partial<Record<LimitName, number>>>): Limits {
  const limits = Object.entries<LimitSpec>(LIMITS).map(([limit, { factor = 1, name, value }]) => {
    const own = given[name as LimitName];
    return [limit, own === undefined ? value : own * factor];
  });
  return Object.fromEntries(limits);
}

/**
 * The option that sets a limit, in backticks, for the hint of an error.
 * @param value In the unit of {@linkcode Limits}.
 */
export function limitOption(limit: keyof Limits, value: number): string {
  const { factor = 1, name }: LimitSpec = LIMITS[limit];
  return `\`--limit ${name}=${groupThousands(value / factor)}\``;
}

/** Largest file that a script may read as data, in bytes. */
export const DATA_FILE_BYTES = 16 * 2 ** 20;
/** Limit of the values in a data file. */
export const DATA_VALUES = 1_000_000;
/** Deepest nesting of lists and records in a data file. */
export const DATA_DEPTH = 100;

/**
 * Deepest nesting of lists and records in a traversal: printing, comparing, waiting. The host's own
 * stack cannot be the limit, because its size changes from one run of the same script to the next.
 */
export const VALUE_DEPTH = 1000;

/** The steps charged for a call of a builtin, which does much more than one instruction. */
export const BUILTIN_STEPS = 200;

/** The steps charged for one activity of the machine. */
export const ACTIVITY_STEPS = 500;

/** Bytes of a new value that are charged as one step of work. */
export const STEP_BYTES = 16;

/** The steps charged for each value in a comparison, or in a search through a list. */
export const COMPARE_STEPS = 2;

/** The steps charged for formatting a value, besides its characters. */
export const FORMAT_STEPS = 16;

/**
 * The memory charged for each kind of value (the constants up to `RACE_STEP_BYTES`): about what the
 * value uses on the host.
 */
export const LIST_BYTES = 96;
export const ITEM_BYTES = 8;
/** A character of a text. */
export const CHARACTER_BYTES = 2;
/**
 * Memory of an item of a list, if the item is itself a new value, such as a size or a part of a
 * text.
 */
export const NEW_ITEM_BYTES = 40;
export const RECORD_BYTES = 288;
export const ENTRY_BYTES = 40;
export const CLOSURE_BYTES = 96;
/**
 * Memory of an active call, with the data that is reported about it when something fails inside.
 */
export const CALL_BYTES = 256;
/**
 * Memory of a variable of an active call. It includes the stack's spare room, and the copy of the
 * stack while it grows.
 */
export const SLOT_BYTES = 24;
/** Memory of a statement in the recorded order of a race. */
export const RACE_STEP_BYTES = 128;

/** The memory of a kept machine, apart from its pages and its events. */
export const MACHINE_BYTES = 2 ** 19;

/** The steps charged for building another machine, to repeat a run on it. */
export const MACHINE_STEPS = 50_000;

/**
 * Limit of nested calls from builtins to the script, as in `list.map(x => list.map(…))`. There is a
 * limit because each such call uses a part of the host's own stack.
 */
export const NATIVE_DEPTH = 100;
