/**
 * How many of `count` ordered things lie before what is looked for: the index of the first that does not.
 * @param isBefore True of the first ones, false of all others.
 */
export function countBefore(count: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
