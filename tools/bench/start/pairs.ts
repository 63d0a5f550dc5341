/** Starts two programs alternately, so that a change in the host's load affects both. */
import { benchResult } from "../benchmark.ts";
import { type BenchResult, median } from "@dmalab/cli/bench";

/** Starts a program. @returns Milliseconds until it reached the state to measure. */
export type Start = () => number | Promise<number>;

/** Measured pairs of starts. */
const ROUNDS = 15;
/** Warm-up pairs before the measured pairs, to fill the caches of Deno and of the disk. */
const WARM_UPS = 2;

/** Milliseconds of wall time. */
export function timed(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

/** The median start times of our program and of another, in milliseconds. */
export async function medianStarts(
  own: Start,
  other: Start,
): Promise<readonly [own: number, other: number]> {
  const [ownMs, otherMs]: [number[], number[]] = [[], []];
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    const otherTook = await other();
    const ownTook = await own();
    if (round < 0) continue;
    otherMs.push(otherTook);
    ownMs.push(ownTook);
  }
  return [median(ownMs), median(otherMs)];
}

/** The median start time of our program, against that of another. */
export async function measureStart(
  name: string,
  own: Start,
  other: Start,
  to: string,
): Promise<BenchResult> {
  const [ownMs, otherMs] = await medianStarts(own, other);
  return benchResult(name, ownMs, "ms", ownMs / otherMs, to);
}
