/** The limits that a command line sets. */
import { DEFAULT_LIMITS, type Limits } from "@dmalab/lang/values";

/** The value of each limit; null for the default. */
export type LimitOptions = { readonly [N in keyof Limits]: number | null };

const MS_PER_SECOND = 1000;

/**
 * For each option, the limit that the option sets, and the factor from the option's unit to the
 * limit's unit.
 */
export const LIMIT_OPTIONS = {
  "max-steps": { limit: "steps", unit: 1 },
  "max-memory": { limit: "memoryBytes", unit: 1 },
  "max-depth": { limit: "depth", unit: 1 },
  "max-events": { limit: "events", unit: 1 },
  "max-output": { limit: "outputLines", unit: 1 },
  "max-output-bytes": { limit: "outputBytes", unit: 1 },
  "max-time": { limit: "timeMs", unit: MS_PER_SECOND },
} as const satisfies Readonly<Record<string, { limit: keyof Limits; unit: number }>>;

export type LimitOption = keyof typeof LIMIT_OPTIONS;

/** The limits from the options; null for limits without an option. */
export function limitsOf(valueOf: (option: LimitOption) => number | null): LimitOptions {
  const limits = Object.entries(LIMIT_OPTIONS).map(([option, { limit, unit }]) => {
    const value = valueOf(option as LimitOption);
    return [limit, value === null ? null : value * unit];
  });
  return Object.fromEntries(limits);
}

/**
 * The settings of a run, from the command line.
 * @param seed Null: use the seed that the file names.
 */
export function runSettings({ branch = null, lenient, limits, seed }: {
  readonly branch?: string | null;
  readonly lenient: boolean;
  readonly limits: LimitOptions;
  readonly seed: number | null;
}) {
  return {
    lenient,
    limits: allLimits(limits),
    ...seed === null ? {} : { seed },
    ...branch === null ? {} : { branch },
  };
}

/** All limits: the ones from the command line, and the defaults of the others. */
export function allLimits(named: LimitOptions): Limits {
  return {
    ...DEFAULT_LIMITS,
    ...Object.fromEntries(Object.entries(named).filter(([, limit]) => limit !== null)),
  };
}
