/** Slots in the order of their use: how many behind one are in use. A Fenwick tree. */
export class Ranks {
  #sums = new Int32Array(64);
  #next = 0;
  #used = 0;

  get isFull(): boolean {
    return this.#next === this.#sums.length;
  }

  /** Uses the next slot. */
  add(): number {
    this.#change(this.#next, 1);
    this.#used++;
    return this.#next++;
  }

  remove(slot: number): void {
    this.#change(slot, -1);
    this.#used--;
  }

  /** How many slots behind this one are in use. */
  above(slot: number): number {
    let upTo = 0;
    for (let at = slot + 1; at > 0; at -= at & -at) upTo += this.#sums[at - 1]!;
    return this.#used - upTo;
  }

  /** Frees all slots, and makes room for at least twice so many. */
  clear(count: number): void {
    this.#sums = new Int32Array(Math.max(64, 4 * count));
    this.#next = 0;
    this.#used = 0;
  }

  #change(slot: number, by: number): void {
    for (let at = slot + 1; at <= this.#sums.length; at += at & -at) this.#sums[at - 1]! += by;
  }
}
