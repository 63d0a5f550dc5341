/** Benches of a program from their cells. */
import { judgeExpectations } from "./bench_expectations.ts";
import { axisOf } from "./bench_cells.ts";
import type { Program } from "./program.ts";
import type { BenchOutcome, BenchReport } from "./report.ts";
import type { RunOptions } from "./run_options.ts";
import { spanPlace } from "../source.ts";

/**
 * Puts cells that ran together to benches, and judges what these expect.
 *
 * @param outcomes Of `runBench`, of cells of this program, in the order of `program.tests`.
 */
export function benchReports(
  program: Program,
  outcomes: readonly BenchOutcome[],
  options: RunOptions = {},
): readonly BenchReport[] {
  const benches = program.tests.filter(({ kind }) => kind === "bench");
  const byPlace = Map.groupBy(benches, ({ span }) => spanPlace(span));
  return [...byPlace].flatMap(([place, entries]) => {
    const cells = outcomes.filter((outcome) => outcome.place === place);
    if (cells.length === 0) return [];
    const { baseline, declaration } = entries[0]!;
    const key = baseline === null ? null : axisOf(entries.map(({ axes }) => axes), baseline);
    return {
      name: declaration.name,
      place,
      baseline: key === null ? null : { key, value: baseline! },
      cells,
      expectations: judgeExpectations(program, entries, cells, options),
    };
  });
}
