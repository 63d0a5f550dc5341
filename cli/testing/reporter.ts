/** Reporters of a run of tests: each prints the run's events in its own format. */
import type { RunReport } from "@dmalab/lang/run";
import type { ExitCode } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import type { FileEvent } from "./file_run.ts";
import type { SnapshotProblem } from "./snapshots.ts";

export interface RunSummary {
  readonly reports: readonly RunReport[];
  readonly snapshots: readonly SnapshotProblem[];
  /** Number of files with errors, of which nothing was run. */
  readonly wrongFiles: number;
  /** What `--tree` named. */
  readonly tree: string | null;
  readonly exitCode: ExitCode;
  /** Whether there is a matching test: it was run, or left to another shard. */
  readonly foundTest: boolean;
  /** Why there was no test; null if there was a test, or if a file has errors. */
  readonly noTest: string | null;
}

export interface TestReporter {
  /** Whether the reporter writes for people, and may use colour. */
  readonly forPeople: boolean;
  event(event: FileEvent): void;
  /** Completes the output, after all files have run. */
  end(summary: RunSummary): void;
}

/**
 * A reporter that does the same as the given one, and also calls back at each event and when all
 * files have run.
 */
export function heard(
  reporter: TestReporter,
  onEnd: (summary: RunSummary) => void,
  onEvent: (event: FileEvent) => void = () => {},
): TestReporter {
  return {
    forPeople: reporter.forPeople,
    event(event): void {
      reporter.event(event);
      onEvent(event);
    },
    end(summary): void {
      reporter.end(summary);
      onEnd(summary);
    },
  };
}

export type ReporterMaker = (screen: Screen) => TestReporter;
