/** What a benchmark is, and how its result reads. */

/** One line of `deno task bench --json`. */
export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The value divided by that of `to`; null when it is compared with nothing. */
  readonly ratio: number | null;
  readonly to: string | null;
}

export interface BenchmarkOptions {
  /** Take the time that a run of a hundred million requests takes. */
  readonly long: boolean;
}

export interface Benchmark {
  readonly name: string;
  /** What is measured, for the list. */
  readonly doc: string;
  /** Several results are parts of what it measures. */
  run(
    options: BenchmarkOptions,
  ): Promise<BenchResult | readonly BenchResult[]> | BenchResult | readonly BenchResult[];
}

/** The middle one of some measurements: a slow neighbour moves it less than a mean. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The median of some measurements.
 *
 * @param rounds How many count; `warmUps` come before those, for the compiler and for caches.
 */
export function medianOf(rounds: number, warmUps: number, measure: () => number): number {
  const values: number[] = [];
  for (let round = -warmUps; round < rounds; round++) {
    const value = measure();
    if (round >= 0) values.push(value);
  }
  return median(values);
}

/** A benchmark that is compared with nothing. */
export function plainBenchmark(
  name: string,
  unit: string,
  doc: string,
  measure: (options: BenchmarkOptions) => number,
): Benchmark {
  const run = (options: BenchmarkOptions): BenchResult => ({
    name,
    value: rounded(measure(options)),
    unit,
    ratio: null,
    to: null,
  });
  return { name, doc, run };
}

/** Four digits are what a measurement on a busy machine is worth. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** A result on one line, for a reader. */
export function formatResult(result: BenchResult, nameWidth: number): string {
  const value = result.value >= 1000
    ? Math.round(result.value).toLocaleString("en-US")
    : String(result.value);
  const ratio = result.ratio === null ? "" : `   ${result.ratio} × ${result.to}`;
  return `${result.name.padEnd(nameWidth)}  ${value.padStart(12)} ${result.unit}${ratio}`;
}
