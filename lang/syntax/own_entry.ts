/**
 * The entry of a table under a name that a script has given; undefined without one. Asked plainly,
 * a table has what every object has: `constructor`, `toString` and their like.
 */
export function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * A table of rows for several words each. @param rows The words of a row, with blanks between, and
 * their meaning.
 */
export function byWord<T>(
  rows: readonly (readonly [words: string, T])[],
): Readonly<Record<string, T>> {
  return Object.fromEntries(
    rows.flatMap(([words, entry]) => words.split(" ").map((word) => [word, entry])),
  );
}
