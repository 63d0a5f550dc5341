/// <reference lib="deno.worker" />
/**
 * Runs a share of the sessions of generated calls in a worker, so that a session that hangs can be
 * ended.
 */
import { numbersOf, type WorkerShare } from "../shares.ts";
import { readArguments } from "./argument_corpus.ts";
import { type CallProblem, type CallTally, emptyTally, playCalls } from "./call_run.ts";

/** A problem, with the number of its session. */
export interface FoundProblem extends CallProblem {
  readonly number: number;
}

export interface CallsResult {
  readonly tally: CallTally;
  readonly problems: readonly FoundProblem[];
}

self.onmessage = ({ data }: MessageEvent<WorkerShare>) => {
  const corpus = readArguments();
  const tally = emptyTally();
  // Only one problem of each kind is reported, because finding the smallest inputs takes time.
  const problems = new Map<string, FoundProblem>();
  for (const number of numbersOf(data)) {
    const problem = playCalls(data.seed, number, corpus, tally, new Set(problems.keys()));
    if (problem !== null) problems.set(problem.key, { ...problem, number });
  }
  self.postMessage({ tally, problems: [...problems.values()] } satisfies CallsResult);
};
