/** The limits that a command line names. */
import { DEFAULT_LIMITS, type Limits } from "../../lang/values/limits.ts";

/** Each limit; null for the usual one. */
export type LimitOptions = { readonly [N in keyof Limits]: number | null };

/** All limits: those that are named, the usual ones for the others. */
export function allLimits(named: LimitOptions): Limits {
  return {
    ...DEFAULT_LIMITS,
    ...Object.fromEntries(Object.entries(named).filter(([, limit]) => limit !== null)),
  };
}
