/** What a reporter hears of a run of tests. Each writes its own form of it. */
import type { RunReport } from "../../lang/run/report.ts";
import type { ExitCode } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import type { FileEvent } from "./file_run.ts";
import type { SnapshotProblem } from "./snapshots.ts";

export interface RunSummary {
  readonly reports: readonly RunReport[];
  readonly snapshots: readonly SnapshotProblem[];
  readonly exitCode: ExitCode;
}

export interface Reporter {
  event(event: FileEvent): void;
  /** All files have run, and at least one test was found. */
  end(summary: RunSummary): void;
}

export type ReporterMaker = (screen: Screen) => Reporter;
