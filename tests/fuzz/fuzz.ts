/** Many mutated programs, on several workers, with an eye on those that never come back. */
import { readCorpus } from "./corpus.ts";
import { fuzzCase } from "./cases.ts";
import type { Verdict } from "./judge.ts";
import type { FoundBug, WorkerResult, WorkerShare } from "./worker.ts";

export interface FuzzOptions {
  /** How many; Infinity when only the time counts. */
  readonly cases: number;
  readonly seed: number;
  readonly workers: number;
  /** When no further case is begun; Infinity when only the cases count. */
  readonly seconds?: number;
}

export interface FuzzResult {
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly bugs: readonly FoundBug[];
}

/** A case that takes longer hangs, however busy the host is: the slowest takes a tenth of a second. */
const PATIENCE_MS = 60_000;

/** Runs the cases of a seed. */
export async function fuzz(
  { cases, seconds = Infinity, seed, workers }: FuzzOptions,
): Promise<FuzzResult> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const timer = seconds === Infinity
    ? null
    : setTimeout(() => Atomics.store(stop, 0, 1), 1000 * seconds);
  const shares = Array.from({ length: workers }, (_, first) =>
    runShare({
      seed,
      first,
      stride: workers,
      end: cases,
      progress: new Int32Array(new SharedArrayBuffer(4)),
      stop,
    }));
  const results = await Promise.all(shares);
  if (timer !== null) clearTimeout(timer);
  const verdicts: Record<string, number> = {};
  for (const result of results) {
    for (const [name, count] of Object.entries(result.verdicts)) {
      verdicts[name] = (verdicts[name] ?? 0) + count;
    }
  }
  return {
    verdicts: verdicts as Record<Verdict, number>,
    bugs: results.flatMap(({ bugs }) => bugs).sort((a, b) => a.number - b.number),
  };
}

function runShare(share: WorkerShare): Promise<WorkerResult> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  share.progress[0] = -1;
  let lastSeen = -1;
  let since = performance.now();
  return new Promise((resolve, reject) => {
    const end = () => {
      clearInterval(watch);
      worker.terminate();
    };
    const watch = setInterval(() => {
      const number = Atomics.load(share.progress, 0);
      // Before its first case it still loads its modules.
      if (number !== lastSeen || number < 0) {
        lastSeen = number;
        since = performance.now();
      } else if (performance.now() - since > PATIENCE_MS) {
        end();
        const { text } = fuzzCase(share.seed, number, readCorpus());
        resolve({
          verdicts: { refused: 0, held: 0, failed: 0, stopped: 0, "not run": 0, bug: 1 },
          bugs: [{ number, problem: `no answer within ${PATIENCE_MS / 1000} s`, text }],
        });
      }
    }, 500);
    worker.onmessage = ({ data }: MessageEvent<WorkerResult>) => {
      end();
      resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      end();
      reject(new Error(`The worker ended at case ${share.progress[0]}: ${event.message}`));
    };
    worker.postMessage(share);
  });
}
