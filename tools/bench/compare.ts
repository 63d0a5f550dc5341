/** Compares two sets of measurements, and tells differences from noise. */
import { Random } from "@dmalab/runtime";
import { type BenchResult, median, rounded } from "./benchmark.ts";

/** Repeated measurements of one benchmark. */
export interface Measured {
  readonly unit: string;
  readonly values: readonly number[];
}

/** By the names of results. */
export type Measurements = Readonly<Record<string, Measured>>;

/** How the medians of two sets relate. */
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
 * @param isPaired Values N of both sets were measured side by side: they are resampled as pairs.
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

/** Adds the results of one round. */
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
  const names = Object.keys(now).filter((name) => name in old);
  const width = Math.max(0, ...names.map((name) => name.length));
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
