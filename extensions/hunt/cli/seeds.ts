/** The seeds of a hunt, and their distribution to shards. */

/** Maximum number of seeds of one hunt. */
export const MAX_SEEDS = 1_000_000;

/** A hunt with several seeds: everything that determines its results. */
export interface SeedsPlan {
  /** The hunt's command line, without seeds and shards. */
  readonly hunt: string;
  /** The version of dmalab. */
  readonly version: string;
  /** A hash of the hunt's files: the scenario, the imported files, and the code of its drivers. */
  readonly files: string;
  /** The first seed. */
  readonly seed: number;
  readonly seeds: number;
  readonly shards: number;
  /** Number of cases of each seed; null for drivers, whose buffers and machines decide how many there are. */
  readonly cases: number | null;
}

/** The seeds of a shard. @param index From 0. */
export function seedsOf({ seed, seeds, shards }: SeedsPlan, index: number): readonly number[] {
  const count = Math.max(0, Math.ceil((seeds - index) / shards));
  return Array.from({ length: count }, (_, at) => seed + index + at * shards);
}
