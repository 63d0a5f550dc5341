/** Reduces findings step by step, for the hunt in drivers and the hunt in requests. */

/**
 * @param smaller Returns cases that are one step smaller; the cases with the largest reduction come
 *   first.
 * @param attempt Returns the finding of a smaller case; null if the smaller case no longer shows
 *   the violation.
 * @returns The finding of a case that cannot be reduced further.
 */
export function reduce<Found, Case>(
  found: Found,
  smaller: (found: Found) => Iterable<Case>,
  attempt: (each: Case) => Found | null,
): Found {
  for (const each of smaller(found)) {
    const next = attempt(each);
    if (next !== null) return reduce(next, smaller, attempt);
  }
  return found;
}
