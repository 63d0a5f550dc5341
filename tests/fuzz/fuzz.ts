/** Many mutated programs, on several workers. */
import { readCorpus } from "./corpus.ts";
import { fuzzCase } from "./cases.ts";
import type { Verdict } from "./judge.ts";
import { NO_ANSWER, runShares } from "./shares.ts";
import type { FoundBug, SlowText, WorkerResult } from "./worker.ts";

export interface FuzzOptions {
  /** How many; Infinity when only the time counts. */
  readonly cases: number;
  readonly seed: number;
  readonly workers: number;
  /** When no further case is begun; Infinity when only the cases count. */
  readonly seconds?: number;
  /** Whether programs without a mistake are run, too (true). */
  readonly runs?: boolean;
}

export interface FuzzResult {
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly bugs: readonly FoundBug[];
  /** Those that took the largest part of the time they may take, first. */
  readonly slowest: readonly SlowText[];
}

/** Runs the cases of a seed. */
export async function fuzz(
  { cases, runs = true, seconds = Infinity, seed, workers }: FuzzOptions,
): Promise<FuzzResult> {
  const results = await runShares<WorkerResult>({
    module: new URL("./worker.ts", import.meta.url),
    cases,
    seconds,
    seed,
    workers,
    runs,
    hung: (number) => ({
      verdicts: { refused: 0, held: 0, failed: 0, stopped: 0, "not run": 0, bug: 1 },
      slowest: [],
      bugs: [{ number, problem: NO_ANSWER, text: fuzzCase(seed, number, readCorpus()).text }],
    }),
  });
  const verdicts: Record<string, number> = {};
  for (const result of results) {
    for (const [name, count] of Object.entries(result.verdicts)) {
      verdicts[name] = (verdicts[name] ?? 0) + count;
    }
  }
  return {
    verdicts: verdicts as Record<Verdict, number>,
    bugs: results.flatMap(({ bugs }) => bugs).sort((a, b) => a.number - b.number),
    slowest: results.flatMap(({ slowest }) => slowest).sort((a, b) => b.timeShare - a.timeShare),
  };
}
