/** The settings of a run, from the command line. */
import type { Limits } from "@dmalab/lang/values";

/** @param seed Null: use the seed that the file names. */
export function runSettings({ branch = null, lenient, limits, seed }: {
  readonly branch?: string | null;
  readonly lenient: boolean;
  readonly limits: Limits;
  readonly seed: number | null;
}) {
  return {
    lenient,
    limits,
    ...seed === null ? {} : { seed },
    ...branch === null ? {} : { branch },
  };
}
