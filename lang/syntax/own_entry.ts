/**
 * The entry of a table under a name that a script has given; undefined when there is none. Asked
 * plainly, a table has what every object has: `constructor`, `toString` and their like.
 */
export function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
