/** Set bits of a bitmap, as runs: a bitmap of a large area is mostly one run. */

/** Bits from the first to before the end. */
export interface BitRun {
  readonly first: number;
  readonly end: number;
}

export class BitRuns {
  /** Ascending; no run touches the next one. */
  #runs: BitRun[] = [];

  get runs(): readonly BitRun[] {
    return this.#runs;
  }

  set(first: number, end: number): void {
    const apart = this.#runs.filter((run) => run.end < first || run.first > end);
    const joined = this.#runs.filter((run) => run.end >= first && run.first <= end);
    const merged = {
      first: Math.min(first, joined[0]?.first ?? first),
      end: Math.max(end, joined.at(-1)?.end ?? end),
    };
    this.#runs = [...apart, merged].sort((a, b) => a.first - b.first);
  }

  clear(first: number, end: number): void {
    this.#runs = this.#runs.flatMap((run) => [
      ...run.first < first ? [{ first: run.first, end: Math.min(run.end, first) }] : [],
      ...run.end > end ? [{ first: Math.max(run.first, end), end: run.end }] : [],
    ]);
  }

  /** Moves all bits towards higher numbers. */
  shift(bits: number): void {
    this.#runs = this.#runs.map(({ end, first }) => ({ first: first + bits, end: end + bits }));
  }

  /** The set bits from one to before another. */
  within(first: number, end: number): BitRun[] {
    return this.#runs.filter((run) => run.end > first && run.first < end)
      .map((run) => ({ first: Math.max(run.first, first), end: Math.min(run.end, end) }));
  }
}
