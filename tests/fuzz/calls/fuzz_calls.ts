/** Sessions of generated calls, on several workers. */
import { type Amount, NO_ANSWER, runShares } from "../shares.ts";
import { CALLS_PER_SESSION, emptyTally } from "./call_run.ts";
import type { CallsResult, FoundProblem } from "./worker.ts";

/** Generates as many calls of builtins, in sessions of a hundred, runs them, and tells of each problem once. */
export async function fuzzCalls({ cases: calls, ...amount }: Amount): Promise<CallsResult> {
  const sessions = { ...amount, cases: Math.ceil(calls / CALLS_PER_SESSION) };
  const results = await runShares<CallsResult>(sessions, {
    module: new URL("./worker.ts", import.meta.url),
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
