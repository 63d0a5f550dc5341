/** The distribution of times in virtual time: every printed time is one that occurred. */
import { groupBy } from "@dmalab/runtime/basics";

/** The percentiles that are printed. */
const PERCENTILES: LatencyPercentiles = { p50: 0.5, p90: 0.9, p99: 0.99, max: 1 };

/** Limit of the ranges in a histogram. */
const MAX_RANGES = 8;

/** The number of measured durations from `fromNs` to `toNs`, both included. */
export interface LatencyRange {
  /** The shortest time in the range. */
  readonly fromNs: number;
  /** The longest time in the range. */
  readonly toNs: number;
  /** Number of times in the range. */
  readonly count: number;
}

/** Percentiles by nearest rank: each is a time that occurred; 0 without times. */
export interface LatencyPercentiles {
  /** The median. */
  readonly p50: number;
  /** 90 in 100 of the measured times are not longer than this. */
  readonly p90: number;
  /** 99 in 100 of the measured times are not longer than this. */
  readonly p99: number;
  /** The longest time. */
  readonly max: number;
}

/** A summary of the times of requests or iterations. */
export interface LatencySummary {
  /** Whether these are the times of requests or of iterations. */
  readonly of: "request" | "iteration";
  /** Number of times. */
  readonly count: number;
  /** Percentiles of the times, in nanoseconds. */
  readonly percentilesNs: LatencyPercentiles;
  /** Ascending ranges of equal width, or single times if there are few different ones. */
  readonly ranges: readonly LatencyRange[];
}

/**
 * The smallest value for which at least the share `part` of all values is not larger.
 * @param sorted Ascending, not empty.
 */
export function nearestRank(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
}

/** Computes the summary of some times. */
export function summariseLatencies(
  of: LatencySummary["of"],
  timesNs: readonly number[],
): LatencySummary {
  const sorted = [...timesNs].sort((a, b) => a - b);
  const at = (part: number) => sorted.length === 0 ? 0 : nearestRank(sorted, part);
  const { max, p50, p90, p99 } = PERCENTILES;
  const percentilesNs = { p50: at(p50), p90: at(p90), p99: at(p99), max: at(max) };
  return { of, count: sorted.length, percentilesNs, ranges: rangesOf(sorted) };
}

function rangesOf(sorted: readonly number[]): LatencyRange[] {
  if (sorted.length === 0) return [];
  const distinct = new Set(sorted);
  if (distinct.size <= MAX_RANGES) {
    const counts = groupBy(sorted, (ns) => ns);
    return [...counts].map(([ns, { length }]) => ({ fromNs: ns, toNs: ns, count: length }));
  }
  const [least, most] = [sorted[0]!, sorted.at(-1)!];
  const width = Math.ceil((most - least + 1) / MAX_RANGES);
  const counts = new Array<number>(MAX_RANGES).fill(0);
  for (const ns of sorted) counts[Math.floor((ns - least) / width)]!++;
  return counts.map((count, index) => ({
    fromNs: least + index * width,
    toNs: Math.min(most, least + (index + 1) * width - 1),
    count,
  }));
}
