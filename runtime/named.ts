/** A record of a table by a name that may have come as text. */

/** Names that an error mentions. */
const NEAREST = 3;

/**
 * The table's record of that name.
 *
 * @param what What the table has: `release of the kernel`.
 * @throws {RangeError} When it has none; the error says which names are like it.
 */
export function named<T>(table: Readonly<Record<string, T>>, name: string, what: string): T {
  if (Object.hasOwn(table, name)) return table[name]!;
  const wanted = pairs(name);
  const alike = (other: string) => {
    const own = pairs(other);
    return [...own].filter((pair) => wanted.has(pair)).length / (own.size + wanted.size);
  };
  const nearest = Object.keys(table).sort((a, b) => alike(b) - alike(a)).slice(0, NEAREST);
  throw new RangeError(`There is no ${what} "${name}"; the nearest are ${nearest.join(", ")}`);
}

/** The pairs of neighbouring letters, ends included: words that share many are spelt alike. */
function pairs(word: string): Set<string> {
  const letters = ` ${word} `;
  return new Set(Array.from(word + " ", (_, index) => letters.slice(index, index + 2)));
}
