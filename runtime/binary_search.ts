/**
 * Counts the leading elements for which `isBefore` is true, which is also the index of the first for
 * which it is false.
 * @param isBefore True of the first elements, false of all others.
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
