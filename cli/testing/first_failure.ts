/** The first test that fails in a run of tests, for the debugger. */
import { displayName, exactMatch, type NameMatch, type RunReport } from "@dmalab/lang/run";

/** A run of a file, and the seed of its machine. */
export interface FailedRun {
  readonly path: string;
  readonly match: readonly NameMatch[];
  readonly seed: number;
}

export function firstFailure(reports: readonly RunReport[]): FailedRun | null {
  for (const { file, outcomes } of reports) {
    const outcome = outcomes.find(({ failure }) => failure !== null);
    if (outcome === undefined) continue;
    return { path: file, match: [exactMatch(displayName(outcome))], seed: outcome.seed };
  }
  return null;
}
