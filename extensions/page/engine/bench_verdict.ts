/** The verdict on failed benches, for a page. */
import { benchLines, hasFailed } from "@dmalab/cli/presentation";
import { codeOfFailure, type ExitCode, HELD, worseExitCode } from "@dmalab/cli/exit_code";
import { painter } from "@dmalab/lang/text";
import type { BenchReport } from "@dmalab/lang/run";
import type { RunVerdict } from "@dmalab/recording/views";

/** A verdict as the page shows it at its top. */
export type SaidVerdict = Pick<RunVerdict, "place" | "state" | "what" | "why" | "word">;

/**
 * The first failure of benches: an expectation or budget that does not hold, or a run that did not finish.
 * Null if there is no failure.
 */
export function failedBench(reports: readonly BenchReport[]): SaidVerdict | null {
  for (const { cells, expectations, name } of reports) {
    const failures = [
      ...cells.map(({ combination, failure }) => ({ failure, text: null, where: combination })),
      ...expectations,
    ].filter(({ failure }) => failure !== null);
    const [first] = failures;
    if (first === undefined) continue;
    const { message, place, values } = first.failure!;
    const parts = new Set(values.map(({ part, text }) => `${part} = ${text}`));
    const at = first.where === "" ? "" : ` at ${first.where}`;
    return {
      state: "failed",
      word: "FAILED",
      place: place.replace(/:\d+$/, ""),
      what: `bench "${name}"${at}: ${first.text === null ? message : `expect ${first.text}`}`,
      why: [
        ...parts.size === 0 ? [] : [[...parts].join("; ")],
        ...failures.length === 1 ? [] : [`${failures.length - 1} more failed in this bench`],
      ],
    };
  }
  return null;
}

/** A bench in the page's list of runs. */
export interface BenchEntry {
  readonly name: string;
  readonly state: "failed" | "passed";
  /** Its plot as SVG; null without a plot. */
  readonly plot: string | null;
}

/**
 * The benches as entries of the page's list.
 * @param plotOf Draws the plot of a bench; null without a plot.
 */
export function benchEntries(
  reports: readonly BenchReport[],
  plotOf: (report: BenchReport) => string | null,
): readonly BenchEntry[] {
  return reports.map((report) => ({
    name: report.name,
    state: hasFailed(report) ? "failed" : "passed",
    plot: plotOf(report),
  }));
}

/** The output of `dmalab bench` for a report. */
export function benchText(report: BenchReport): string {
  return benchLines(report, null, [], painter(false)).join("\n");
}

/** The exit code that results from the benches' runs and expectations. */
export function codeOfBenches(reports: readonly BenchReport[]): ExitCode {
  return reports.flatMap(({ cells, expectations }) => [...cells, ...expectations])
    .map(({ failure }) => codeOfFailure(failure)).reduce(worseExitCode, HELD);
}
