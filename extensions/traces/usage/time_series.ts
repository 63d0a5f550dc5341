/** Values over time in a bounded number of intervals: as the time grows, two of them become one. */

/** A power of two. */
const MAX_INTERVALS = 256;
const FIRST_SECONDS = 2 ** -20;

export class TimeSeries<Interval> {
  widthSeconds = FIRST_SECONDS;
  #intervals: (Interval | undefined)[] = [];
  readonly startSeconds: number;
  readonly #make: () => Interval;
  readonly #join: (into: Interval, later: Interval) => void;

  /** @param join Adds what a later interval has to an earlier one. */
  constructor(
    startSeconds: number,
    make: () => Interval,
    join: (into: Interval, later: Interval) => void,
  ) {
    this.startSeconds = startSeconds;
    this.#make = make;
    this.#join = join;
  }

  /** The interval of this time; of a time before the start the first one. */
  at(seconds: number): Interval {
    const since = Math.max(0, seconds - this.startSeconds);
    while (since >= MAX_INTERVALS * this.widthSeconds) this.#widen();
    return this.#intervals[Math.floor(since / this.widthSeconds)] ??= this.#make();
  }

  #widen(): void {
    const joined: (Interval | undefined)[] = [];
    this.#intervals.forEach((interval, index) => {
      if (interval === undefined) return;
      const earlier = joined[index >> 1];
      if (earlier === undefined) joined[index >> 1] = interval;
      else this.#join(earlier, interval);
    });
    this.#intervals = joined;
    this.widthSeconds *= 2;
  }

  /** When each interval begins that has anything, and what it has. */
  get intervals(): readonly (readonly [seconds: number, interval: Interval])[] {
    return [...this.#intervals.entries()].flatMap(([index, interval]) =>
      interval === undefined
        ? []
        : [[this.startSeconds + index * this.widthSeconds, interval] as const]
    );
  }
}
