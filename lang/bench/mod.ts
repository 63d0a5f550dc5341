/**
 * The output of benches: figures, tables, plots, JSON.
 *
 * State: none. Hot path: none; `lang/run/bench.ts` runs the loops. Tests: `lang/run/bench_test.ts`.
 */
export { cellFigure } from "./bench_view.ts";
export { benchJson, type HostTime } from "./bench_json.ts";
export { benchPlot, type PlotColours } from "./bench_plot.ts";
export { benchTable } from "./bench_table.ts";
export {
  type LatencyPercentiles,
  type LatencyRange,
  type LatencySummary,
  nearestRank,
} from "./distribution.ts";
export { BENCH_FIGURES, type BenchTally, type FigureSpec, type FigureUnit } from "./figures.ts";
