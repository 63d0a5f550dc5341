/** A bench as JSON: its schema is docs/bench.schema.json. */
import type { BenchOutcome, BenchReport } from "../run/report.ts";
import { axisValue, benchAxes, ratioToBaseline } from "./bench_view.ts";
import { BENCH_FIGURES, figureTotal } from "./figures.ts";

/** Processor time of an iteration on the host, which is not a figure of the simulated machine. */
export interface HostTime {
  /** The median of the rounds, in nanoseconds of processor time. */
  readonly medianNs: number;
  /** Half of the distance between the 10th and the 90th percentile of the rounds. */
  readonly spreadNs: number;
  /** The time of each round, in the order in which they ran. */
  readonly roundsNs: readonly number[];
  /** Number of iterations of a round. */
  readonly iterations: number;
  /** False if the time was still changing when the rounds began. */
  readonly isSteady: boolean;
}

/**
 * @param hostTimes The times of the cells, in the order of the cells; omitted if they were not
 *   measured.
 */
export function benchJson(
  report: BenchReport,
  hostTimes: readonly (HostTime | null)[] = [],
) {
  const { baseline, cells, expectations, name, place } = report;
  return {
    bench: name,
    place,
    axes: benchAxes(report).map(({ key, values }) => ({ name: key, values })),
    baseline: baseline === null ? null : { axis: baseline.key, value: baseline.value },
    cells: cells.map((cell, index) => cellJson(report, cell, hostTimes[index] ?? null)),
    expectations: expectations.map(({ outcome, place: at, reason, text, where }) => ({
      text,
      place: at,
      where,
      outcome,
      reason: outcome === "failed" ? "the condition does not hold" : reason,
    })),
  };
}

function cellJson(report: BenchReport, cell: BenchOutcome, host: HostTime | null) {
  const { failure, latency } = cell;
  const ratios = BENCH_FIGURES.flatMap(({ name }) => {
    const ratio = ratioToBaseline(report, cell, name);
    return ratio === null ? [] : [[name, ratio] as const];
  });
  return {
    axes: Object.fromEntries(cell.axes.map(({ key }) => [key, axisValue(cell, key)])),
    outcome: cell.isOverBudget ? "over budget" : cell.outcome,
    error: failure === null
      ? null
      : { code: failure.code, message: failure.message, place: failure.place },
    iterations: cell.iterations,
    warmup: cell.warmup,
    stopped: cell.stopped,
    seed: cell.seed,
    counts: cell.counts,
    figures: Object.fromEntries(BENCH_FIGURES.map(({ name }) => [name, figureTotal(name, cell)])),
    ratios: report.baseline === null ? null : Object.fromEntries(ratios),
    virtual_time: {
      total_ns: cell.virtualNs,
      of: latency.of,
      samples: latency.count,
      percentiles_ns: latency.percentilesNs,
      distribution: latency.ranges.map(({ count, fromNs, toNs }) => ({
        from_ns: fromNs,
        to_ns: toNs,
        count,
      })),
      busy_ns: Object.fromEntries(cell.busy.map(({ busyNs, name }) => [name, busyNs])),
      latencies_ns: cell.latenciesNs,
    },
    host_time: host === null ? null : {
      median_ns: host.medianNs,
      spread_ns: host.spreadNs,
      rounds_ns: host.roundsNs,
      iterations: host.iterations,
      steady: host.isSteady,
    },
    incidents: cell.incidents.map(({ incident: { kind, name, place, text }, times }) => ({
      kind,
      name,
      text,
      place,
      times,
    })),
  };
}
