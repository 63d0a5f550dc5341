/** A set of integers kept as disjoint ranges, for what is too large to be kept one by one. */
import { invariant } from "@dmalab/runtime";
export class ExtentSet {
  /** First member of each range, ascending. */
  readonly #starts: number[] = [];
  /** One past the last member of each range; never equal to the next range's start. */
  readonly #ends: number[] = [];

  /** How many ranges there are. */
  get count(): number {
    return this.#starts.length;
  }

  has(value: number): boolean {
    const index = this.#firstEndingAfter(value);
    return index < this.#starts.length && this.#starts[index]! <= value;
  }

  /** Adds `start` … `end - 1`, joining ranges that overlap or touch. */
  add(start: number, end: number): void {
    if (start >= end) return;
    // A range that ends exactly at `start` touches and joins too, hence the minus one.
    const from = this.#firstEndingAfter(start - 1);
    let to = from;
    let joinedStart = start;
    let joinedEnd = end;
    while (to < this.#starts.length && this.#starts[to]! <= end) {
      joinedStart = Math.min(joinedStart, this.#starts[to]!);
      joinedEnd = Math.max(joinedEnd, this.#ends[to]!);
      to++;
    }
    invariant(joinedStart < joinedEnd, "Extents join to none");
    this.#starts.splice(from, to - from, joinedStart);
    this.#ends.splice(from, to - from, joinedEnd);
  }

  /** Index of the first range whose end lies above `value`; `count` when there is none. */
  #firstEndingAfter(value: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
