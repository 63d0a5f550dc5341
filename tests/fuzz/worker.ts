/// <reference lib="deno.worker" />
/** Runs a share of the fuzz cases in a worker, so that a case that hangs can be found and ended. */
import { fuzzCase, readCorpus } from "./cases.ts";
import { judge, NO_VERDICTS, type Verdict } from "./judge.ts";
import { numbersOf, type WorkerShare } from "./shares.ts";

export interface FoundBug {
  readonly number: number;
  readonly problem: string;
  readonly text: string;
}

/** A text that takes a large part of its time limit. */
export interface SlowText {
  readonly number: number;
  readonly timeShare: number;
  readonly text: string;
}

export interface WorkerResult {
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly bugs: readonly FoundBug[];
  readonly slowest: readonly SlowText[];
}

const MAX_SLOW = 10;
/** Largest number of bugs that one worker reports; many may have the same cause. */
const MAX_BUGS = 20;

self.onmessage = ({ data }: MessageEvent<WorkerShare>) => {
  const corpus = readCorpus();
  const verdicts = { ...NO_VERDICTS };
  const bugs: FoundBug[] = [];
  const slowest: SlowText[] = [];
  for (const number of numbersOf(data)) {
    const { text, run } = fuzzCase(data.seed, number, corpus);
    const { verdict, problem, timeShare } = judge(text, run && data.runs);
    verdicts[verdict]++;
    if (verdict === "bug" && bugs.length < MAX_BUGS) bugs.push({ number, problem, text });
    if (slowest.length < MAX_SLOW || timeShare > slowest[MAX_SLOW - 1]!.timeShare) {
      slowest.push({ number, timeShare, text });
      slowest.sort((a, b) => b.timeShare - a.timeShare).splice(MAX_SLOW);
    }
  }
  self.postMessage({ verdicts, bugs, slowest } satisfies WorkerResult);
};
