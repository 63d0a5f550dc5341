/** Many mutated programs, on several workers. */
import { readCorpus } from "./corpus.ts";
import { fuzzCase } from "./cases.ts";
import { NO_VERDICTS, type Verdict } from "./judge.ts";
import { type Amount, NO_ANSWER, runShares } from "./shares.ts";
import type { FoundBug, SlowText, WorkerResult } from "./worker.ts";

export interface FuzzResult {
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly bugs: readonly FoundBug[];
  /** Those that took the largest part of the time they may take, first. */
  readonly slowest: readonly SlowText[];
}

/** Tries programs. @param runs Whether those without a mistake are run, too. */
export async function fuzz(amount: Amount, runs = true): Promise<FuzzResult> {
  const results = await runShares<WorkerResult>(amount, {
    module: new URL("./worker.ts", import.meta.url),
    runs,
    hung: (number) => {
      const { text } = fuzzCase(amount.seed, number, readCorpus());
      const bugs = [{ number, problem: NO_ANSWER, text }];
      return { verdicts: { ...NO_VERDICTS, bug: 1 }, slowest: [], bugs };
    },
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
