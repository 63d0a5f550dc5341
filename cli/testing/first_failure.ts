/** The first test that fails in a run of tests, for the debugger. */
import { displayName, exactMatch, type NameMatch } from "@dmalab/lang/run";
import type { TestReporter } from "./reporter.ts";

/** A run of a file, and the seed of its machine. */
export interface FailedRun {
  readonly path: string;
  readonly match: readonly NameMatch[];
  /** By its number instead of its name; null here. */
  readonly run: null;
  readonly seed: number;
}

export class FirstFailure {
  failed: FailedRun | null = null;

  /** A reporter that also keeps the first failure. */
  hearing(reporter: TestReporter): TestReporter {
    return {
      forPeople: reporter.forPeople,
      event: (event) => reporter.event(event),
      end: (summary) => {
        for (const { file, outcomes } of summary.reports) {
          const outcome = outcomes.find(({ failure }) => failure !== null);
          if (outcome === undefined || this.failed !== null) continue;
          const match = [exactMatch(displayName(outcome))];
          this.failed = { path: file, match, run: null, seed: outcome.seed };
        }
        reporter.end(summary);
      },
    };
  }
}
