/** What a reporter hears of a run of tests. Each writes its own form of it. */
import type { RunReport } from "../../lang/run/report.ts";
import type { ExitCode } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import type { FileEvent } from "./file_run.ts";
import type { SnapshotProblem } from "./snapshots.ts";

export interface RunSummary {
  readonly reports: readonly RunReport[];
  readonly snapshots: readonly SnapshotProblem[];
  /** Files of which nothing was run. */
  readonly wrongFiles: number;
  readonly exitCode: ExitCode;
  /** Why there was no test, when there was none and no file is to blame. */
  readonly noTest: string | null;
}

export interface Reporter {
  /** Whether it writes for people: then colour is welcome. */
  readonly forPeople: boolean;
  event(event: FileEvent): void;
  /** All files have run; what is written is to be complete now, whatever came of them. */
  end(summary: RunSummary): void;
}

export type ReporterMaker = (screen: Screen) => Reporter;
