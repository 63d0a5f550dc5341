/** What tables, plots and JSON of a bench have in common: its axes, and the figures that tell cells apart. */
import { cellName } from "../run/bench_cells.ts";
import type { BenchOutcome, BenchReport } from "../run/report.ts";
import { BENCH_FIGURES, figureEach, figureNamed } from "./figures.ts";

/** An axis and its values, in the order of the script. */
export interface BenchAxis {
  readonly key: string;
  readonly values: readonly string[];
}

export function benchAxes({ cells }: Pick<BenchReport, "cells">): readonly BenchAxis[] {
  const keys = [...new Set(cells.flatMap(({ axes }) => axes.map(({ key }) => key)))];
  return keys.map((key) => ({
    key,
    values: [...new Set(cells.map((cell) => axisValue(cell, key)))],
  })).filter(({ values }) => values.length > 1);
}

export function axisValue({ axes }: Pick<BenchOutcome, "axes">, key: string): string {
  return cellName(axes.find((axis) => axis.key === key)?.value ?? "");
}

/** Cells that counted something: what failed on its way has no figures. */
export function countedCells({ cells }: Pick<BenchReport, "cells">): readonly BenchOutcome[] {
  return cells.filter(({ stopped }) => stopped !== null);
}

export function cellFigure(cell: BenchOutcome, figure: string): number {
  return figureEach(figure, cell, cell.iterations);
}

/** Figures that happened at all, in two groups: different between cells, and equal in all. */
export function tellingFigures(
  cells: readonly BenchOutcome[],
): { readonly different: readonly string[]; readonly same: readonly string[] } {
  const names = BENCH_FIGURES.map(({ name }) => name)
    .filter((name) => cells.some((cell) => cellFigure(cell, name) !== 0));
  const isSame = (name: string) =>
    cells.every((cell) => cellFigure(cell, name) === cellFigure(cells[0]!, name));
  // Percentiles of one constant time say what the time says.
  const isPlain = cells.every(({ iterations, latency, virtualNs }) =>
    latency.of === "iteration" && latency.percentilesNs.p50 === latency.percentilesNs.max &&
    latency.percentilesNs.max * iterations === virtualNs
  );
  const shown = names.filter((name) => figureNamed(name)!.isTotal || !isPlain);
  return { different: shown.filter((name) => !isSame(name)), same: shown.filter(isSame) };
}

/** The cell that a cell is compared with; null without one, or where it is the same cell. */
function baselineOf(report: BenchReport, cell: BenchOutcome): BenchOutcome | null {
  const { baseline, cells } = report;
  if (baseline === null || axisValue(cell, baseline.key) === baseline.value) return null;
  return cells.find((other) =>
    other.stopped !== null && axisValue(other, baseline.key) === baseline.value &&
    other.axes.every(({ key, value }) =>
      key === baseline.key || axisValue(cell, key) === cellName(value)
    )
  ) ?? null;
}

/** A figure by that of the baseline; null without one, and where that is 0. */
export function ratioToBaseline(
  report: BenchReport,
  cell: BenchOutcome,
  figure: string,
): number | null {
  const baseline = baselineOf(report, cell);
  if (baseline === null) return null;
  const base = cellFigure(baseline, figure);
  return base === 0 ? null : cellFigure(cell, figure) / base;
}
