/** Values that are made at the first access, and then kept. */
export function once<T extends object>(make: () => T): () => T {
  let made: T | null = null;
  return () => made ??= make();
}
