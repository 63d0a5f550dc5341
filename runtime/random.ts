import { InvariantError } from "./errno.ts";

/** Integers are exact up to here. */
const MOST = 2 ** 53;

/**
 * The machine's only source of randomness: a small seeded generator that can be saved and restored.
 *
 * sfc32 (Chris Doty-Humphrey's PractRand family, public domain): 128 bits of state, passes BigCrush.
 * It consists only of 32-bit adds, xors and shifts, so it gives the same sequence everywhere.
 */
export class Random {
  // The state, as signed numbers: V8 stores large unsigned ones as doubles.
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  /** @param seed Any integer below 2^53; the same seed gives the same sequence. */
  constructor(readonly seed: number) {
    this.#a = Math.floor(seed / 2 ** 32) | 0;
    this.#b = seed | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let round = 0; round < 12; round++) this.nextU32();
  }

  /** The next 32 bits, as an unsigned number. */
  nextU32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A uniformly chosen integer from 0 to `limit - 1`; `limit` may be anything from 1 to 2^53. */
  below(limit: number): number {
    // Above `MOST`, rejection would never end.
    if (!(limit >= 1 && limit <= MOST)) throw new InvariantError(`Cannot draw below ${limit}`);
    if (limit <= 2 ** 32) {
      // Rejection keeps every value equally likely; at most half of all draws are thrown away.
      const bound = 2 ** 32 - (2 ** 32 % limit);
      let draw = this.nextU32();
      while (draw >= bound) draw = this.nextU32();
      return draw % limit;
    }
    const bound = 2 ** 53 - (2 ** 53 % limit);
    let draw = this.#next53();
    while (draw >= bound) draw = this.#next53();
    return draw % limit;
  }

  /**
   * A uniformly chosen integer from `first` to `end - 1`. All these integers are between -2^53 and
   * 2^53.
   */
  between(first: number, end: number): number {
    if (end - first < MOST) return first + this.below(end - first);
    // The range has more values than a number can count exactly. Draws outside it are discarded, at
    // most half of all draws.
    for (;;) {
      const sign = this.nextU32() % 2 === 0 ? 0 : MOST;
      const draw = this.#next53() - sign;
      if (draw >= first && draw < end) return draw;
    }
  }

  /** One of the values, chosen uniformly. @throws {InvariantError} For an empty list. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  #next53(): number {
    return (this.nextU32() >>> 11) * 2 ** 32 + this.nextU32();
  }

  /** The whole state, for a checkpoint. */
  save(): readonly [number, number, number, number] {
    return [this.#a, this.#b, this.#c, this.#counter];
  }

  /** Restores a state that `save` returned. */
  restore(state: readonly [number, number, number, number]): void {
    [this.#a, this.#b, this.#c, this.#counter] = state;
  }
}
