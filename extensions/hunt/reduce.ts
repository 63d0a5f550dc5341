/** Makes what was found smaller, one step at a time, as both hunts do. */

/**
 * @param smaller What is a step smaller, that which saves most first.
 * @param attempt What is found of a smaller one; null where it does not show it any more.
 * @returns What was found of a case of which no step is left.
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
