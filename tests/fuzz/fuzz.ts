/** Many mutated programs, on several workers. */
import { readCorpus } from "./corpus.ts";
import { fuzzCase } from "./cases.ts";
import { NO_VERDICTS, type Verdict } from "./judge.ts";
import { NO_ANSWER, runShares, type SharesOptions } from "./shares.ts";
import type { FoundBug, SlowText, WorkerResult } from "./worker.ts";

/** How much; without `seconds` only the cases count. */
type FuzzOptions =
  & Pick<SharesOptions<WorkerResult>, "cases" | "seed" | "workers" | "runs">
  & Partial<Pick<SharesOptions<WorkerResult>, "seconds">>;

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
      verdicts: { ...NO_VERDICTS, bug: 1 },
      slowest: [],
      bugs: [{ number, problem: NO_ANSWER, text: fuzzCase(seed, number, readCorpus()).text }],
    }),
  });
  const verdicts = { ...NO_VERDICTS };
  for (const result of results) {
    for (const name of Object.keys(verdicts) as Verdict[]) verdicts[name] += result.verdicts[name];
  }
  return {
    verdicts,
    bugs: results.flatMap(({ bugs }) => bugs).sort((a, b) => a.number - b.number),
    slowest: results.flatMap(({ slowest }) => slowest).sort((a, b) => b.timeShare - a.timeShare),
  };
}
