/**
 * Benches as they are read: figures, tables, plots, JSON.
 *
 * State: none. Hot: nothing; `lang/run/bench.ts` runs the loops. Proof: `tests/bench_examples_test.ts` counts
 * the figures of `examples/bench/` a second time, from recordings.
 */
export { benchAxes, type BenchAxis, cellFigure } from "./bench_view.ts";
export { type BenchCellJson, type BenchJson, benchJson, type HostTime } from "./bench_json.ts";
export { benchPlot } from "./bench_plot.ts";
export { benchTable } from "./bench_table.ts";
export { type LatencyRange, type LatencySummary, nearestRank } from "./distribution.ts";
export { BENCH_FIGURES, type BenchTally, type FigureSpec, type FigureUnit } from "./figures.ts";
export { figureText } from "./figure_text.ts";
