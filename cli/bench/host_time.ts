/**
 * How long iterations of a bench take on the host: processor time, in rounds.
 *
 * All cells are there at once. Each is warmed until it is steady, so that the compiler has seen them
 * all; then they run in rounds, each round in another order, so that what changes on the host
 * changes for all. Which cells differ is said by the spread of their rounds.
 */
import type { BenchLoop, HostTime } from "@dmalab/lang/program";
import { Random } from "@dmalab/runtime";
import { isWithinSpread, median, type Spread, spreadOf } from "./statistics.ts";

const ROUNDS = 15;
/** What one batch takes at least: hundreds of times what the clock can tell; twelve cells answer in some seconds. */
const BATCH_MS = 4;
const MAX_BATCH = 2 ** 20;

/** Warm-up rounds: at least as many as are examined, at most so many. */
const STEADY_ROUNDS = 3;
const MAX_WARM_ROUNDS = 12;
/** How far the last rounds of a warm-up may lie apart. */
const STEADY_PART = 0.1;

/** The measured state: a loop that is before a turn. */
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

  /** Nanoseconds of an iteration. */
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
  /** For the order of cells in each round. */
  readonly seed: number;
  /** False ends the rounds. */
  readonly mayGoOn: () => boolean;
}

/**
 * Measures loops beside each other.
 *
 * @returns Of each in their order; null where it failed.
 */
export function measureHostTimes(
  loops: readonly BenchLoop[],
  { clockMs, mayGoOn, seed }: HostTimeOptions,
): readonly (HostTime | null)[] {
  const cells = loops.map((loop) => new TimedCell(loop, clockMs));
  const random = new Random(seed);
  for (let round = 0; round < MAX_WARM_ROUNDS && mayGoOn(); round++) {
    for (const cell of shuffled(cells, random)) cell.warm();
    if (cells.every((cell) => cell.failed || cell.isSteady)) break;
  }
  for (let round = 0; round < ROUNDS && mayGoOn(); round++) {
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

/** Numbers of the cells that differ from a cell by no more than both spread. */
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
