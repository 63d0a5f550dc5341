/** The type of a benchmark, and the form of its result. */
import { type BenchResult, rounded } from "@dmalab/cli/bench";

export interface BenchmarkOptions {
  /** Also run the benchmarks that take long, with a hundred million requests. */
  readonly long: boolean;
}

export interface Benchmark {
  readonly name: string;
  /** A description of the measured work, for the list. */
  readonly doc: string;
  /** Measures. Returns several results if the measurement has parts. */
  run(
    options: BenchmarkOptions,
  ): Promise<BenchResult | readonly BenchResult[]> | BenchResult | readonly BenchResult[];
}

/** A benchmark without a ratio to anything else. */
export function plainBenchmark(
  name: string,
  unit: string,
  doc: string,
  measure: (options: BenchmarkOptions) => number,
): Benchmark {
  return { name, doc, run: (options) => benchResult(name, measure(options), unit) };
}

/** A result with its ratio to another value; the ratio is null without such a value. */
export function benchResult(
  name: string,
  value: number,
  unit: string,
  ratio: number | null = null,
  to: string | null = null,
): BenchResult {
  if (ratio === null) return { name, value: rounded(value), unit, ratio, to: null };
  return { name, value: rounded(value), unit, ratio: rounded(ratio), to };
}

/** A result on one line, for a reader. */
export function formatResult(result: BenchResult, nameWidth: number): string {
  const value = result.value >= 1000
    ? Math.round(result.value).toLocaleString("en-US")
    : String(result.value);
  const ratio = result.ratio === null ? "" : `   ${result.ratio} × ${result.to}`;
  return `${result.name.padEnd(nameWidth)}  ${value.padStart(12)} ${result.unit}${ratio}`;
}
