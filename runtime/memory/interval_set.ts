import { countBefore } from "../binary_search.ts";

/**
 * A set of integers stored as intervals. It is cheap when there are few intervals, however many
 * numbers the intervals contain.
 */
export class IntervalSet {
  /** The start of each interval, ascending; no two intervals touch. */
  readonly #starts: number[] = [];
  /** The end of each interval, exclusive. */
  readonly #ends: number[] = [];

  get count(): number {
    return this.#starts.length;
  }

  /** Adds the numbers from `start` to `end - 1`. */
  add(start: number, end: number): void {
    if (start >= end) return;
    // Adjacent intervals on either side are joined.
    const first = this.#firstEndingFrom(start);
    let last = first;
    let from = start;
    let to = end;
    while (last < this.#starts.length && this.#starts[last]! <= end) {
      from = Math.min(from, this.#starts[last]!);
      to = Math.max(to, this.#ends[last]!);
      last++;
    }
    this.#starts.splice(first, last - first, from);
    this.#ends.splice(first, last - first, to);
  }

  /** Removes the numbers from `start` to `end - 1`. */
  delete(start: number, end: number): void {
    if (start >= end) return;
    const first = this.#firstEndingFrom(start + 1);
    let last = first;
    const starts: number[] = [];
    const ends: number[] = [];
    while (last < this.#starts.length && this.#starts[last]! < end) {
      if (this.#starts[last]! < start) {
        starts.push(this.#starts[last]!);
        ends.push(start);
      }
      if (this.#ends[last]! > end) {
        starts.push(end);
        ends.push(this.#ends[last]!);
      }
      last++;
    }
    this.#starts.splice(first, last - first, ...starts);
    this.#ends.splice(first, last - first, ...ends);
  }

  has(number: number): boolean {
    return this.endOf(number) >= 0;
  }

  /** The end, exclusive, of the interval that contains a number; -1 for none. */
  endOf(number: number): number {
    const index = this.#firstEndingFrom(number + 1);
    return index < this.#starts.length && this.#starts[index]! <= number ? this.#ends[index]! : -1;
  }

  /** The first number of the set from `start` to `end - 1`; -1 for none. */
  firstIn(start: number, end: number): number {
    const index = this.#firstEndingFrom(start + 1);
    const first = index < this.#starts.length ? Math.max(this.#starts[index]!, start) : end;
    return first < end ? first : -1;
  }

  /** The intervals, end exclusive, ascending. */
  intervals(): readonly (readonly [start: number, end: number])[] {
    return this.#starts.map((start, index) => [start, this.#ends[index]!]);
  }

  /** The first interval that ends at a number or later. */
  #firstEndingFrom(number: number): number {
    return countBefore(this.#ends.length, (index) => this.#ends[index]! < number);
  }
}
