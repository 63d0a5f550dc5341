/**
 * Measures how long iterations of a bench take on the host: their processor time, in several rounds.
 *
 * All cells are started before the first cell is measured. Each cell is warmed up until its times
 * are steady. The JavaScript compiler has then optimised the code for all cells. Afterwards the
 * cells run in rounds, each round in another order, so that a change of the host's speed affects all
 * cells. Two cells differ if the distance between their medians exceeds the sum of the spreads of
 * their rounds.
 */
import type { BenchLoop, HostTime } from "@dmalab/lang/program";
import { Random } from "@dmalab/runtime";
import { isWithinSpread, median, type Spread, spreadOf } from "./statistics.ts";

const ROUNDS = 15;
/**
 * Shortest duration of a batch: hundreds of times the clock's resolution. With this value, measuring twelve cells
 * takes some seconds.
 */
const BATCH_MS = 4;
const MAX_BATCH = 2 ** 20;

/**
 * Warm-up ends when the last `STEADY_ROUNDS` rounds are steady, and in any case after
 * `MAX_WARM_ROUNDS` rounds.
 */
const STEADY_ROUNDS = 3;
const MAX_WARM_ROUNDS = 12;
/** The last warm-up rounds are steady if they differ by at most this part of their median. */
const STEADY_PART = 0.1;

/** A loop of a bench, with the times that were measured. */
class TimedCell {
  readonly roundsNs: number[] = [];
  readonly #warmNs: number[] = [];
  iterations = 1;

  constructor(readonly loop: BenchLoop, readonly clockMs: () => number) {}

  get failed(): boolean {
    return this.loop.failure !== null;
  }

  get isSteady(): boolean {
    const last = this.#warmNs.slice(-STEADY_ROUNDS);
    return last.length === STEADY_ROUNDS &&
      Math.max(...last) - Math.min(...last) <= STEADY_PART * median(last);
  }

  warm(): void {
    for (;;) {
      const ns = this.#batch();
      if (ns === null) return;
      if (ns * this.iterations >= BATCH_MS * 1e6 || this.iterations >= MAX_BATCH) {
        this.#warmNs.push(ns);
        return;
      }
      this.iterations *= 2;
    }
  }

  round(): void {
    const ns = this.#batch();
    if (ns !== null) this.roundsNs.push(ns);
  }

  /** Runs a batch. @returns Nanoseconds per iteration; null where the loop has failed. */
  #batch(): number | null {
    const startMs = this.clockMs();
    if (this.failed || !this.loop.turns(this.iterations)) return null;
    return (this.clockMs() - startMs) * 1e6 / this.iterations;
  }

  result(): HostTime | null {
    if (this.failed || this.roundsNs.length === 0) return null;
    return {
      medianNs: median(this.roundsNs),
      spreadNs: spreadOf(this.roundsNs),
      roundsNs: this.roundsNs,
      iterations: this.iterations,
      isSteady: this.isSteady,
    };
  }
}

export interface HostTimeOptions {
  /** Processor time of this process, in milliseconds. */
  readonly clockMs: () => number;
  /** Seed for the order of cells in each round. */
  readonly seed: number;
  /** Measuring ends when this returns false. */
  readonly mayGoOn: () => boolean;
  /** Called before each round, with the round's name. */
  readonly onRound?: (text: string) => void;
}

/**
 * Measures loops in alternating rounds.
 *
 * @returns The time of each loop, in the order of `loops`; null for a loop that failed.
 */
export function measureHostTimes(
  loops: readonly BenchLoop[],
  { clockMs, mayGoOn, onRound = () => {}, seed }: HostTimeOptions,
): readonly (HostTime | null)[] {
  const cells = loops.map((loop) => new TimedCell(loop, clockMs));
  const random = new Random(seed);
  for (let round = 0; round < MAX_WARM_ROUNDS && mayGoOn(); round++) {
    onRound(`warm-up ${round + 1}`);
    for (const cell of shuffled(cells, random)) cell.warm();
    if (cells.every((cell) => cell.failed || cell.isSteady)) break;
  }
  for (let round = 0; round < ROUNDS && mayGoOn(); round++) {
    onRound(`round ${round + 1} of ${ROUNDS}`);
    for (const cell of shuffled(cells, random)) cell.round();
  }
  return cells.map((cell) => cell.result());
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/**
 * Indices of the other cells with a time that differs from this cell's by no more than the sum of
 * the two spreads.
 */
export function equalCells(
  times: readonly (HostTime | null)[],
  index: number,
): readonly number[] {
  const own = times[index];
  if (own === null || own === undefined) return [];
  return times.flatMap((time, other) =>
    time !== null && other !== index && isWithinSpread(spreadIn(own), spreadIn(time)) ? [other] : []
  );
}

function spreadIn({ medianNs, spreadNs }: HostTime): Spread {
  return { median: medianNs, spread: spreadNs };
}
