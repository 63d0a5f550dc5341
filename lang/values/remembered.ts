/** The value of a key, which is made when it is first asked for. */
export function remembered<K, V>(known: Map<K, V>, key: K, make: (key: K) => V): V {
  let value = known.get(key);
  if (value === undefined) known.set(key, value = make(key));
  return value;
}
