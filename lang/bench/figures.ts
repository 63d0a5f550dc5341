/**
 * The figures of a bench: the measured values of a cell except event counts, by the names that
 * `budget`, `expect`, tables and JSON use.
 */
import type { LatencyPercentiles, LatencySummary } from "./distribution.ts";

/** The counts of a cell, over all its iterations. */
export interface BenchTally {
  /** How often each event happened; events that did not happen are left out. */
  readonly counts: Readonly<Record<string, number>>;
  /** Page-table leaf entries written and cleared. */
  readonly entries: number;
  /** Translations that walked the page table. */
  readonly iotlbMisses: number;
  /** Bytes copied into and out of bounce buffers. */
  readonly copiedBytes: number;
  /** Bytes of host memory allocated for mappings. */
  readonly memoryBytes: number;
  /** IOVA ranges allocated from the rbtree. */
  readonly treeAllocs: number;
  /** Virtual time, in nanoseconds, until the last CPU or device is done. */
  readonly virtualNs: number;
  /**
   * Virtual time of each request; if the loop sends no requests, virtual time of each iteration.
   */
  readonly latency: LatencySummary;
}

/** Largest number of iterations that a script may specify. */
export const MAX_LOOP_COUNT = 1_000_000;

export type FigureUnit = "count" | "bytes" | "ns";

export interface FigureSpec {
  /** The figure's name in `budget` and `expect`. */
  readonly name: string;
  readonly unit: FigureUnit;
  /** A description of one line, for tables and docs. */
  readonly doc: string;
  /** True for a sum over all iterations; false for one value of a cell, such as a percentile. */
  readonly isTotal: boolean;
  of(tally: BenchTally): number;
}

function total(
  name: string,
  unit: FigureUnit,
  doc: string,
  of: (tally: BenchTally) => number,
): FigureSpec {
  return { name, unit, doc, isTotal: true, of };
}

function percentile(name: keyof LatencyPercentiles, doc: string): FigureSpec {
  return {
    name,
    unit: "ns",
    doc,
    isTotal: false,
    of: ({ latency }) => latency.percentilesNs[name],
  };
}

function times(counts: BenchTally["counts"], ...events: readonly string[]): number {
  return events.reduce((sum, event) => sum + (counts[event] ?? 0), 0);
}

/** Every figure, in the order in which tables list the figures. */
export const BENCH_FIGURES: readonly FigureSpec[] = [
  total("time", "ns", "virtual time", ({ virtualNs }) => virtualNs),
  percentile("p50", "median virtual time of a request, or of an iteration without requests"),
  percentile("p90", "its 90th percentile"),
  percentile("p99", "its 99th percentile"),
  percentile("max", "its largest value"),
  total("calls", "count", "DMA API calls", ({ counts }) =>
    Object.entries(counts).reduce(
      (sum, [event, count]) => event.startsWith("call.") ? sum + count : sum,
      0,
    )),
  total("entries", "count", "page-table leaf entries written or cleared", ({ entries }) => entries),
  total(
    "invalidations",
    "count",
    "IOTLB invalidations sent",
    ({ counts }) => times(counts, "iotlb.sync"),
  ),
  total(
    "iotlb_misses",
    "count",
    "translations that walked the page table",
    (tally) => tally.iotlbMisses,
  ),
  total(
    "tree_allocs",
    "count",
    "IOVA ranges from the rbtree, not from an rcache",
    (tally) => tally.treeAllocs,
  ),
  total(
    "descriptors",
    "count",
    "PRP entries and SGL descriptors written",
    ({ counts }) => times(counts, "nvme.prp", "nvme.sgl"),
  ),
  total(
    "copied_bytes",
    "bytes",
    "bytes copied into or out of bounce buffers",
    (tally) => tally.copiedBytes,
  ),
  total(
    "memory_bytes",
    "bytes",
    "host memory allocated for mappings",
    ({ memoryBytes }) => memoryBytes,
  ),
  total(
    "events",
    "count",
    "events of any name",
    ({ counts }) => Object.values(counts).reduce((sum, count) => sum + count, 0),
  ),
];

const BY_NAME: ReadonlyMap<string, FigureSpec> = new Map(
  BENCH_FIGURES.map((figure) => [figure.name, figure]),
);

export function figureNamed(name: string): FigureSpec | null {
  return BY_NAME.get(name) ?? null;
}

/** The value, over all iterations, of the figure or the event with a name. */
export function figureTotal(name: string, tally: BenchTally): number {
  return figureNamed(name)?.of(tally) ?? tally.counts[name] ?? 0;
}

/** The value for one iteration; percentiles are not divided. */
export function figureEach(name: string, tally: BenchTally, iterations: number): number {
  const value = figureTotal(name, tally);
  return figureNamed(name)?.isTotal === false ? value : value / iterations;
}
