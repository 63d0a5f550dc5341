/**
 * The long run of the property test: `deno task property [OPERATIONS] [SEED]`.
 *
 * A million operations in worlds of 10,000 each, one seed after the other; the first that fails is
 * printed with what it takes to repeat it.
 */
import { FailedRun, runSeed } from "./random_operations.ts";

const OPERATIONS_A_WORLD = 10_000;

function main(words: readonly string[]): number {
  const operations = Number(words[0] ?? 1_000_000);
  const firstSeed = Number(words[1] ?? 1);
  if (!Number.isSafeInteger(operations) || !Number.isSafeInteger(firstSeed)) {
    console.error("Usage: deno task property [OPERATIONS] [SEED]");
    return 2;
  }
  const worlds = Math.ceil(operations / OPERATIONS_A_WORLD);
  const start = performance.now();
  let refused = 0;
  let mostLive = 0;
  try {
    for (let seed = firstSeed; seed < firstSeed + worlds; seed++) {
      const result = runSeed(seed, Math.min(operations, OPERATIONS_A_WORLD));
      refused += result.refused;
      mostLive = Math.max(mostLive, result.mostLive);
    }
  } catch (error) {
    if (!(error instanceof FailedRun)) throw error;
    console.error(error.message);
    return 1;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `seeds ${firstSeed} to ${firstSeed + worlds - 1}: ${operations} operations agree, at most ` +
      `${mostLive} mappings live, ${refused} maps without room, ${seconds} s`,
  );
  return 0;
}

Deno.exitCode = main(Deno.args);
