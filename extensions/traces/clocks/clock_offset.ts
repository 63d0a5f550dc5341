/**
 * How far the clock of a trace is ahead of the clock of the kernel's log.
 *
 * @see rules/traces.md T.61
 */
import type { CheckerClass } from "../kernel_log/messages/checker_classes.ts";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { ERROR_ADDRESS } from "../line/payload.ts";
import { aboutKind } from "../ledger/finding_kinds.ts";
import type { TraceFinding } from "../ledger/traced_mapping.ts";

export interface ClockOffset {
  /** A time of the log plus this offset gives the time of the trace. */
  readonly seconds: number;
  /** Bounds of `seconds`, which is inexact if the log has whole seconds only. */
  readonly window: Window;
  /** Difference between the largest and the smallest offset of the pairs. */
  readonly spreadSeconds: number;
  /** Number of pairs of a trace line and a log line about the same call. */
  readonly pairs: number;
  /**
   * What the offset is based on: marks that the collector wrote into both files, lines about the
   * same call, the kernel's message about its clock at boot, or the faults. In the last case it is
   * the offset nearest to 0 at which the faults can be explained.
   */
  readonly source: "marks" | "calls" | "boot" | "faults";
}

/** First and last second of a range. */
export type Window = readonly [number, number];

/** Time in the trace minus time in the log, for two lines about the same event. */
export interface ClockDifference {
  readonly seconds: number;
  /** The true difference may be smaller than `seconds`, by at most this much. */
  readonly resolutionSeconds: number;
}

export interface TimedFinding {
  readonly finding: TraceFinding;
  /** When the trace line of the finding was written. */
  readonly seconds: number;
}

export interface LogPair extends TimedFinding {
  readonly entry: KernelLogEntry;
  /** Null if the log has no times. Lines and findings are then paired by their order alone. */
  readonly difference: ClockDifference | null;
}

/**
 * Offsets that differ by less than this count as equal. Within one run the offset is constant to
 * about a millisecond, but printing a line also takes time.
 */
const TOLERANCE_SECONDS = 0.05;

/**
 * The largest number of lines of the checker that are compared for one finding. `MAX_PAIRS` is the
 * largest number of pairs in all.
 */
const MAX_LINES = 64;
const MAX_PAIRS = 1 << 17;

/**
 * Pairs log lines of the checker with findings about the same call. If the log has times, one
 * offset is chosen: the offset that most of the possible pairs agree on. The result is the pairs at
 * this offset.
 */
export function pairFindings(
  entries: readonly KernelLogEntry[],
  findings: readonly TimedFinding[],
): LogPair[] {
  const byDevice = Map.groupBy(
    entries.filter(({ kind }) => kind === "dma_debug"),
    ({ facts }) => `${facts.device} ${addressOf(facts.address)}`,
  );
  if (byDevice.size === 0) return [];
  const candidates: LogPair[] = [];
  for (const { finding, seconds } of findings) {
    const keys = [`${finding.device} ${finding.address}`, `${finding.device} null`];
    const about = keys.flatMap((key) => (byDevice.get(key) ?? []).slice(0, MAX_LINES));
    for (const entry of about) {
      if (!aboutKind(finding.kind).checker?.includes(entry.facts.class as CheckerClass)) continue;
      const { resolutionSeconds } = entry;
      const difference = entry.seconds === null
        ? null
        : { seconds: seconds - entry.seconds, resolutionSeconds };
      candidates.push({ entry, finding, difference, seconds });
    }
    if (candidates.length > MAX_PAIRS) break;
  }
  return agreed(candidates) ?? inOrder(candidates);
}

/** The largest set of pairs with nearly equal differences; null if no pair has a difference. */
function agreed(candidates: readonly LogPair[]): LogPair[] | null {
  const sorted = candidates.filter(({ difference }) => difference !== null)
    .sort((a, b) => a.difference!.seconds - b.difference!.seconds);
  if (sorted.length === 0) return null;
  let [most, from] = [0, 0];
  let first = 0;
  for (const [last, { difference }] of sorted.entries()) {
    const { resolutionSeconds, seconds } = difference!;
    const nearSeconds = TOLERANCE_SECONDS + resolutionSeconds;
    while (seconds - sorted[first]!.difference!.seconds >= nearSeconds) first++;
    if (last - first + 1 > most) [most, from] = [last - first + 1, first];
  }
  return once(sorted.slice(from, from + most).sort((a, b) => a.entry.line - b.entry.line));
}

/**
 * Pairs the lines of a log without times: each line with the first matching finding after the
 * finding of the previous line.
 */
function inOrder(candidates: readonly LogPair[]): LogPair[] {
  let seconds = -Infinity;
  const byEntry = Map.groupBy(candidates, ({ entry }) => entry);
  return [...byEntry.values()].sort((a, b) => a[0]!.entry.line - b[0]!.entry.line)
    .flatMap((pairs) => {
      const next = pairs.find((pair) => pair.seconds > seconds);
      if (next !== undefined) seconds = next.seconds;
      return next ?? [];
    });
}

/** Keeps each finding and each line in at most one pair. */
function once(pairs: readonly LogPair[]): LogPair[] {
  const taken = new Set<unknown>();
  return pairs.filter(({ entry, finding }) => {
    if (taken.has(entry) || taken.has(finding)) return false;
    taken.add(entry).add(finding);
    return true;
  });
}

/** An address as a number, or null. */
function addressOf(fact: unknown): number | null {
  return typeof fact !== "string"
    ? null
    : /^0x[f]{16}$/.test(fact)
    ? ERROR_ADDRESS
    : parseInt(fact, 16);
}

/** The median of the differences, or null without any. */
export function offsetOf(
  unsorted: readonly ClockDifference[],
  source: ClockOffset["source"],
): ClockOffset | null {
  const differences = unsorted.map(({ seconds }) => seconds).sort((a, b) => a - b);
  const [least] = differences;
  if (least === undefined) return null;
  const most = differences.at(-1)!;
  const seconds = differences[Math.floor((differences.length - 1) / 2)]!;
  const resolution = unsorted.reduce((most, each) => Math.max(most, each.resolutionSeconds), 0);
  return {
    seconds,
    // A line may have been printed later than its time says, by up to the resolution. Therefore
    // each difference gives an upper and a lower bound of the offset.
    window: resolution === 0 ? [seconds, seconds] : [most - resolution, least],
    spreadSeconds: most - least,
    pairs: differences.length,
    source,
  };
}

/** An offset from another source than pairs of lines. */
export function exactOffset(seconds: number, source: "boot" | "faults"): ClockOffset {
  return { seconds, window: [seconds, seconds], spreadSeconds: 0, pairs: 0, source };
}

/**
 * The kernel's message at boot about its clock, in nanoseconds. The last number in it is the time
 * by which the log's clock is behind the trace's clock `local`. In all captures with pairs, this is
 * right to a third of a millisecond.
 *
 *     sched_clock: Marking stable (4062638302, -31650874)->(5658906351, -1627918923)
 */
const MARKING_STABLE = /sched_clock: Marking stable \(-?\d+, -?\d+\)->\(-?\d+, (-?\d+)\)/;
const NS_PER_S = 1e9;

/** The offset in seconds from a line of the log, or null. */
export function bootOffset(line: string): number | null {
  const match = MARKING_STABLE.exec(line);
  return match === null ? null : -Number(match[1]) / NS_PER_S;
}
