/** A record of a table by a name that may have come as text. */
import { nearestNames } from "./nearest_names.ts";

/**
 * The table's record of that name.
 *
 * @param what What the table has: `release of the kernel`.
 * @throws {RangeError} When it has none; the error says which names are near it, or which there are.
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
