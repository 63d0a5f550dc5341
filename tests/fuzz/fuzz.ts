/** Fuzzes with mutated programs, on several workers. */
import { fuzzCase, readCorpus } from "./cases.ts";
import { NO_VERDICTS, type Verdict } from "./judge.ts";
import { type Amount, NO_ANSWER, runShares } from "./shares.ts";
import type { FoundBug, SlowText, WorkerResult } from "./worker.ts";
import { CALLS_PER_SESSION, emptyTally } from "./calls/call_run.ts";
import type { CallsResult, FoundProblem } from "./calls/worker.ts";

interface FuzzResult {
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly bugs: readonly FoundBug[];
  /** The texts that took the largest part of their time limit, slowest first. */
  readonly slowest: readonly SlowText[];
}

/** The line that repeats a program, or with `calls` a session of calls. */
export function repeatLine(what: "programs" | "calls", seed: number, number: number): string {
  const other = what === "programs" ? "--calls 0" : "--cases 0";
  return `repeat it: deno task script fuzz ${other} --seed ${seed} --case ${number}`;
}

/** Tries programs. @param runs Whether programs without errors are run, too. */
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

/**
 * Generates this many calls of builtins, in sessions of a hundred, runs them, and reports each
 * problem once.
 */
export async function fuzzCalls({ cases: calls, ...amount }: Amount): Promise<CallsResult> {
  const sessions = { ...amount, cases: Math.ceil(calls / CALLS_PER_SESSION) };
  const results = await runShares<CallsResult>(sessions, {
    module: new URL("./calls/worker.ts", import.meta.url),
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
