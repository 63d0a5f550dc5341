/** A histogram by powers of two: `counts[3]` counts the values from 4 to 7. */
export class PowersOfTwo {
  readonly counts: number[] = [];
  readonly lines: (readonly number[])[] = [];
  count = 0;
  most = 0;
  mostLines: readonly number[] = [];

  add(value: number, lines: readonly number[] = []): void {
    const power = value < 1 ? 0 : Math.floor(Math.log2(value)) + 1;
    while (this.counts.length <= power) this.lines[this.counts.push(0) - 1] = [];
    this.counts[power]!++;
    this.lines[power] = lines;
    this.count++;
    if (value > this.most) [this.most, this.mostLines] = [value, lines];
  }

  /**
   * An upper bound for this percentage of the values. The bound is a power of two, or the largest
   * value.
   */
  percentile(percent: number): number {
    let left = Math.ceil(this.count * percent / 100);
    const power = this.counts.findIndex((count) => (left -= count) <= 0);
    return power < 0 ? 0 : Math.min(2 ** power, this.most);
  }
}
