/**
 * The entry of a table for a name from a script; undefined without one. A plain access would also
 * find the members of every object: `constructor`, `toString` and so on.
 */
export function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * Makes a table with one entry for each word of its rows. @param rows The words of a row, separated
 * by spaces, and their value.
 */
export function byWord<T>(
  rows: readonly (readonly [words: string, T])[],
): Readonly<Record<string, T>> {
  return Object.fromEntries(
    rows.flatMap(([words, entry]) => words.split(" ").map((word) => [word, entry])),
  );
}
