/** Reporters of a run of tests: each prints its events in its own form. */
import type { RunReport } from "@dmalab/lang/run";
import type { ExitCode } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import type { FileEvent } from "./file_run.ts";
import type { SnapshotProblem } from "./snapshots.ts";

export interface RunSummary {
  readonly reports: readonly RunReport[];
  readonly snapshots: readonly SnapshotProblem[];
  /** Files with errors: nothing of them was run. */
  readonly wrongFiles: number;
  /** What `--tree` named. */
  readonly tree: string | null;
  readonly exitCode: ExitCode;
  /** Whether a test was run, or left to another shard. */
  readonly foundTest: boolean;
  /** Why there was no test, when there was none and no file has errors. */
  readonly noTest: string | null;
}

export interface TestReporter {
  /** Whether it writes for people, and may use colour. */
  readonly forPeople: boolean;
  event(event: FileEvent): void;
  /** All files have run: completes the output. */
  end(summary: RunSummary): void;
}

/** The same reporter, which also says when all files have run. */
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
