/**
 * Code that the tables, plots and JSON of a bench share: the bench's axes, and the figures that
 * differ between cells.
 */
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

/** Cells with counts: a failed cell has no figures. */
export function countedCells({ cells }: Pick<BenchReport, "cells">): readonly BenchOutcome[] {
  return cells.filter(({ stopped }) => stopped !== null);
}

export function cellFigure(cell: BenchOutcome, figure: string): number {
  return figureEach(figure, cell, cell.iterations);
}

/**
 * Figures that are not 0 in at least one cell, in two groups: figures that differ between cells,
 * and figures that are equal in all cells.
 */
export function tellingFigures(
  cells: readonly BenchOutcome[],
): { readonly different: readonly string[]; readonly same: readonly string[] } {
  const names = BENCH_FIGURES.map(({ name }) => name)
    .filter((name) => cells.some((cell) => cellFigure(cell, name) !== 0));
  const isSame = (name: string) =>
    cells.every((cell) => cellFigure(cell, name) === cellFigure(cells[0]!, name));
  // If all iterations take the same time, the percentiles of a cell show nothing more than its
  // virtual time.
  const isPlain = cells.every(({ iterations, latency, virtualNs }) =>
    latency.of === "iteration" && latency.percentilesNs.p50 === latency.percentilesNs.max &&
    latency.percentilesNs.max * iterations === virtualNs
  );
  const shown = names.filter((name) => figureNamed(name)!.isTotal || !isPlain);
  return { different: shown.filter((name) => !isSame(name)), same: shown.filter(isSame) };
}

/**
 * The baseline cell for a cell; null if the bench has no baseline, or if the cell is itself a
 * baseline.
 */
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

/**
 * A figure divided by the same figure of the baseline; null without a baseline, or if the
 * baseline's figure is 0.
 */
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
