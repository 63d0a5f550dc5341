/// <reference lib="deno.worker" />
/** A share of the fuzz cases, in a worker, so that one that hangs can be found and ended. */
import { readCorpus } from "./corpus.ts";
import { fuzzCase } from "./cases.ts";
import { judge, type Verdict } from "./judge.ts";
import { numbersOf, type WorkerShare } from "./shares.ts";

export interface FoundBug {
  readonly number: number;
  readonly problem: string;
  readonly text: string;
}

export interface WorkerResult {
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly bugs: readonly FoundBug[];
}

/** Bugs that one worker tells of; there may be many of one kind. */
const MAX_BUGS = 20;

self.onmessage = ({ data }: MessageEvent<WorkerShare>) => {
  const corpus = readCorpus();
  const verdicts: Record<Verdict, number> = {
    refused: 0,
    held: 0,
    failed: 0,
    stopped: 0,
    "not run": 0,
    bug: 0,
  };
  const bugs: FoundBug[] = [];
  for (const number of numbersOf(data)) {
    const { text, run } = fuzzCase(data.seed, number, corpus);
    const { verdict, problem } = judge(text, run);
    verdicts[verdict]++;
    if (verdict === "bug" && bugs.length < MAX_BUGS) bugs.push({ number, problem, text });
  }
  self.postMessage({ verdicts, bugs } satisfies WorkerResult);
};
