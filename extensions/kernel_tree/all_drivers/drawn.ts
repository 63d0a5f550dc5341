/** A random selection of files, which depends only on the seed. */
export function drawn(all: readonly string[], count: number, seed: number): readonly string[] {
  const left = [...all];
  let state = seed >>> 0;
  return Array.from({ length: Math.min(count, left.length) }, () => {
    // A linear congruential generator is good enough for selecting files.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return left.splice(Math.floor(state / 2 ** 32 * left.length), 1)[0]!;
  });
}
