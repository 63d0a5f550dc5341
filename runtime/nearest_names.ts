/** Finds the names closest to a misspelt one. */

/** How many letters may differ, by length of the word. */
function tolerance(length: number): number {
  return length <= 2 ? 0 : length <= 3 ? 1 : length <= 8 ? 2 : 3;
}

/**
 * The candidates that are close to a word, closest first.
 *
 * A candidate is close if it has the same letters in other case; if it differs in a few letters
 * that are changed, added, left out or swapped with the next letter; or if it has the same parts of
 * a `snake_case` name in another order.
 *
 * @param limit Maximum number of names.
 */
export function nearestNames(word: string, candidates: Iterable<string>, limit = 2): string[] {
  const lower = word.toLowerCase();
  const letters = lettersOf(lower);
  const parts = lower.includes("_") ? sortedParts(lower) : null;
  const allowed = tolerance(word.length);
  const allowedLetters = word.length === 4 ? 1 : allowed;
  const found: { readonly name: string; readonly distance: number }[] = [];
  for (const name of new Set(candidates)) {
    if (Math.abs(name.length - word.length) > allowed || name === word) continue;
    const other = name.toLowerCase();
    const otherLetters = lettersOf(other);
    // Each letter that occurs in only one of the two words counts as a change. Two changes are many
    // in four letters, so at most one of them may bring another letter: mood for mode.
    if (ones(letters & ~otherLetters) > allowedLetters) continue;
    if (ones(otherLetters & ~letters) > allowedLetters) continue;
    const isReordered = parts !== null && other.length === lower.length &&
      sortedParts(other) === parts;
    const distance = other === lower || isReordered
      ? 0
      // A missing letter is more likely than a wrong one.
      : editDistance(lower, other, allowed) - (other.includes(lower) ? 0.25 : 0);
    // Two wrong letters are many in a word of at most five letters, so the first letter must be the
    // same.
    const far = distance > 1 && word.length <= 5 && other[0] !== lower[0];
    if (distance <= allowed && !far) found.push({ name, distance });
  }
  found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  const best = found[0]?.distance ?? 0;
  // Further names are only returned if they are as close as the first.
  return found.filter(({ distance }) => distance <= best).slice(0, limit).map(({ name }) => name);
}

/** A bit for each letter that a word contains; several letters share one bit. */
function lettersOf(word: string): number {
  let bits = 0;
  for (let at = 0; at < word.length; at++) bits |= 1 << (word.charCodeAt(at) & 31);
  return bits;
}

/** How many bits are set. */
function ones(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
}

function sortedParts(name: string): string {
  return name.split("_").sort().join("_");
}

/**
 * Edit distance, where swapping adjacent letters counts as one change (optimal string alignment).
 *
 * @param most For a larger distance the result is Infinity.
 */
export function editDistance(a: string, b: string, most = Infinity): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  let lastLeast = 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let cost = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1));
      const exchanged = i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&
        a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (exchanged) cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    // A swap refers to the row two rows back, so this row and the last row must both exceed the
    // limit.
    if (least > most && lastLeast > most) return Infinity;
    lastLeast = least;
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/**
 * The record of a name in a table.
 *
 * @param what Description of the table's entries: `release of the kernel`.
 * @throws {RangeError} When the table has no such name. The message lists similar names; if there
 *   are none, it lists all names.
 */
export function named<T>(table: Readonly<Record<string, T>>, name: string, what: string): T {
  if (Object.hasOwn(table, name)) return table[name]!;
  const names = Object.keys(table);
  const near = nearestNames(name, names);
  throw new RangeError(
    `There is no ${what} "${name}"; ` +
      (near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are ${names.join(", ")}`),
  );
}
