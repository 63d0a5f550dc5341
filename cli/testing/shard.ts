/** `--shard 2/3`: one part of the tests, for several machines that share the work. */

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/** Reads `2/3`; null when it is nothing of the kind. */
export function readShard(text: string): Shard | null {
  const match = text.match(/^(\d{1,4})\/(\d{1,4})$/);
  if (match === null) return null;
  const [part, count] = [Number(match[1]), Number(match[2])];
  return part >= 1 && part <= count ? { index: part - 1, count } : null;
}
