/** Live IOVA ranges of a device: their bytes, number of pieces, and extent. */

/** State of the IOVA space at a time. */
export interface SpaceUse {
  readonly mappedBytes: number;
  /** Number of pieces; adjacent ranges count as one. */
  readonly pieces: number;
  /** Distance from the lowest live address to the highest. */
  readonly extentBytes: number;
}

export class IovaSpace {
  #mappedBytes = 0;
  #ranges = 0;
  /** Number of pairs of adjacent ranges. */
  #pairs = 0;
  readonly #starts = new Map<number, number>();
  readonly #ends = new Map<number, number>();

  /** @param by 1 for a mapped range, -1 for an unmapped range. */
  change(start: number, end: number, by: 1 | -1): void {
    if (by < 0) this.#count(start, end, by);
    this.#pairs += by * ((this.#ends.get(start) ?? 0) + (this.#starts.get(end) ?? 0));
    if (by > 0) this.#count(start, end, by);
    this.#ranges += by;
    this.#mappedBytes += by * (end - start);
  }

  #count(start: number, end: number, by: 1 | -1): void {
    for (const [counts, at] of [[this.#starts, start], [this.#ends, end]] as const) {
      const count = (counts.get(at) ?? 0) + by;
      if (count === 0) counts.delete(at);
      else counts.set(at, count);
    }
  }

  /** The current state; computed from all live ranges. */
  get use(): SpaceUse {
    let [low, high] = [Infinity, 0];
    for (const start of this.#starts.keys()) low = Math.min(low, start);
    for (const end of this.#ends.keys()) high = Math.max(high, end);
    return {
      mappedBytes: this.#mappedBytes,
      pieces: this.#ranges - this.#pairs,
      extentBytes: Math.max(0, high - low),
    };
  }
}
