/** Statistics of measurements: typical values, how far they spread, and whether two differ. */
import { maxOf } from "@dmalab/runtime/basics";
import { nearestRank } from "@dmalab/lang/program";
import { Random } from "@dmalab/runtime";

/** One measurement: a line of `deno task bench --json`. */
export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `value` divided by the value of the result that `to` names; null if `to` is null. */
  readonly ratio: number | null;
  readonly to: string | null;
}

/** The median of measurements. Other load on the host affects it less than a mean. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The median of repeated measurements.
 *
 * @param rounds Number of measurements that count.
 * @param warmUps Number of measurements before the ones that count. They fill caches and let the
 *   compiler optimise.
 */
export function medianOf(rounds: number, warmUps: number, measure: () => number): number {
  const values: number[] = [];
  for (let round = -warmUps; round < rounds; round++) {
    const value = measure();
    if (round >= 0) values.push(value);
  }
  return median(values);
}

/**
 * Half of the distance between the 10th and the 90th percentile. This measure ignores the outliers
 * of a busy host, and works with few rounds.
 */
export function spreadOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (nearestRank(sorted, 0.9) - nearestRank(sorted, 0.1)) / 2;
}

/** The median of measurements, and their spread. */
export interface Spread {
  readonly median: number;
  readonly spread: number;
}

/** Whether the medians of two measurements differ by no more than their spreads. */
export function isWithinSpread(one: Spread, other: Spread): boolean {
  return Math.abs(one.median - other.median) <= one.spread + other.spread;
}

/** Rounds to four digits: a measurement on a busy machine is no more precise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Repeated measurements of one benchmark. */
export interface Measured {
  readonly unit: string;
  readonly values: readonly number[];
}

/** Measurements by the names of results. */
export type Measurements = Readonly<Record<string, Measured>>;

/** The ratio of the medians of two sets of measurements. */
export interface Comparison {
  /** New by old. */
  readonly ratio: number;
  /** The 95 % confidence interval of the ratio. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;

/**
 * The ratio of two medians with its bootstrap confidence interval.
 *
 * @param isPaired Whether the values with the same index in both sets were measured side by side.
 *   Such values are resampled as pairs.
 */
export function compare(
  old: readonly number[],
  now: readonly number[],
  isPaired: boolean,
): Comparison {
  const random = new Random(1);
  const draw = (count: number) => Array.from({ length: count }, () => random.below(count));
  const pairs = isPaired ? now.map((value, index) => value / old[index]!) : null;
  const ratios = Array.from({ length: RESAMPLES }, () => {
    if (pairs !== null) return median(draw(pairs.length).map((index) => pairs[index]!));
    const of = (values: readonly number[]) =>
      median(draw(values.length).map((index) => values[index]!));
    return of(now) / of(old);
  }).sort((a, b) => a - b);
  return {
    ratio: pairs === null ? median(now) / median(old) : median(pairs),
    low: ratios[Math.floor(0.025 * RESAMPLES)]!,
    high: ratios[Math.ceil(0.975 * RESAMPLES) - 1]!,
  };
}

/** `1.12 times as fast (1.09 to 1.15)`, or `no difference beyond noise`. */
export function verdict({ high, low, ratio }: Comparison, unit: string): string {
  const isRate = unit.endsWith("/s");
  const [speed, least, most] = isRate ? [ratio, low, high] : [1 / ratio, 1 / high, 1 / low];
  const range = `(${rounded3(least)} to ${rounded3(most)})`;
  if (least <= 1 && most >= 1) return `no difference beyond noise ${range}`;
  return speed > 1
    ? `${rounded3(speed)} times as fast ${range}`
    : `slower: ${rounded3(speed)} times the speed ${range}`;
}

export function addRound(
  sums: Record<string, { readonly unit: string; readonly values: number[] }>,
  results: readonly BenchResult[],
): void {
  for (const { name, unit, value } of results) {
    (sums[name] ??= { unit, values: [] }).values.push(value);
  }
}

/** A line for each result that both sets have. */
export function comparisonLines(old: Measurements, now: Measurements, isPaired: boolean): string[] {
  const names = Object.keys(now).filter((name) => Object.hasOwn(old, name));
  const width = maxOf(names.map((name) => name.length), 0);
  return names.map((name) => {
    const { unit, values } = now[name]!;
    const before = old[name]!.values;
    const paired = isPaired && before.length === values.length;
    const said = verdict(compare(before, values, paired), unit);
    const medians = `${rounded(median(before))} → ${rounded(median(values))} ${unit}`;
    return `${name.padEnd(width)}  ${said}   ${medians}`;
  });
}

function rounded3(value: number): string {
  return String(Number(value.toPrecision(3)));
}
