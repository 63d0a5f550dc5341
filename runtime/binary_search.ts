/**
 * Counts the leading elements for which `isBefore` is true. The count is also the index of the first
 * element for which `isBefore` is false.
 * @param isBefore True for the first elements, false for all others.
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
