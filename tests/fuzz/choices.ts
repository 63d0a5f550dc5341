/** Random choices of one seed, for all generators here. */
import { Random } from "@dmalab/runtime";

export class Choices {
  readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  below(limit: number): number {
    return this.random.below(limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** True once in `n` times, on average. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** A number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** A random number of items, from `least` to `most`. */
  times<T>(least: number, most: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.between(least, most) }, (_, index) => make(index));
  }

  /** Calls one of several functions. */
  way<T>(ways: readonly (() => T)[]): T {
    return this.pick(ways)();
  }
}
