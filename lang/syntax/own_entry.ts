/**
 * Finds a table's entry by a name from a script; undefined if there is no entry. A plain access
 * would also find the members that every object has: `constructor`, `toString` and so on.
 */
export function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * Makes a table with one entry for each word of its rows.
 * @param rows Each row has words, separated by spaces, and the value of these words.
 */
export function byWord<T>(
  rows: readonly (readonly [words: string, T])[],
): Readonly<Record<string, T>> {
  return Object.fromEntries(
    rows.flatMap(([words, entry]) => words.split(" ").map((word) => [word, entry])),
  );
}
