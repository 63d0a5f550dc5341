/** Sessions of generated calls, on several workers. */
import { NO_ANSWER, runShares } from "../shares.ts";
import { CALLS_PER_SESSION, emptyTally } from "./call_run.ts";
import type { CallsResult, FoundProblem } from "./worker.ts";

export interface FuzzCallsOptions {
  /** How many calls, in sessions of a hundred; Infinity when only the time counts. */
  readonly calls: number;
  readonly seconds?: number;
  readonly seed: number;
  readonly workers: number;
}

/** Generates calls of every builtin, runs them, and tells of each problem once. */
export async function fuzzCalls(
  { calls, seconds = Infinity, seed, workers }: FuzzCallsOptions,
): Promise<CallsResult> {
  const results = await runShares<CallsResult>({
    module: new URL("./worker.ts", import.meta.url),
    cases: Math.ceil(calls / CALLS_PER_SESSION),
    seconds,
    seed,
    workers,
    hung: (number) => ({
      tally: emptyTally(),
      problems: [{ key: NO_ANSWER, number, problem: NO_ANSWER, inputs: [] }],
    }),
  });
  const tally = emptyTally();
  const problems = new Map<string, FoundProblem>();
  for (const result of results) {
    tally.run += result.tally.run;
    for (const name of ["called", "answered"] as const) {
      for (const [key, count] of result.tally[name]) {
        tally[name].set(key, (tally[name].get(key) ?? 0) + count);
      }
    }
    for (const problem of result.problems) problems.set(problem.key, problem);
  }
  return { tally, problems: [...problems.values()].sort((a, b) => a.number - b.number) };
}
