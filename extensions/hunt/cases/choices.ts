/** Random choices of one seed, for every generator of cases. */
import fc, { type Arbitrary } from "fast-check";
import { Random } from "@dmalab/runtime";

/** Factor with which a seed and the number of a case are combined to one seed. */
const STRIDE = 2 ** 32;

export class Choices {
  readonly random: Random;
  readonly #source: fc.Random;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.#source = new fc.Random(new Source(this.random));
  }

  /** The choices of a case. @param number From 0, below 2^32. */
  static of(seed: number, number: number): Choices {
    return new Choices(seed * STRIDE + number);
  }

  /**
   * Draws a value.
   * @param bias Once in this many draws, numbers near the ends of their range are preferred, as
   *   fast-check does it; undefined for never.
   */
  draw<T>(arbitrary: Arbitrary<T>, bias?: number): T {
    return arbitrary.generate(this.#source, bias).value;
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

/** The generator as fast-check takes it. A clone shares its state, so that there is one sequence. */
class Source {
  constructor(readonly random: Random) {}

  clone(): Source {
    return this;
  }

  next(): number {
    return this.random.nextU32() | 0;
  }

  getState(): readonly number[] {
    return this.random.save();
  }
}
