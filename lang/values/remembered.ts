/** The value of a key; made at the first access and stored. */
export function remembered<K, V>(known: Map<K, V>, key: K, make: (key: K) => V): V {
  let value = known.get(key);
  if (value === undefined) known.set(key, value = make(key));
  return value;
}
