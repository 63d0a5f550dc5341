/** Runs numbered cases on several workers, and ends a worker if its case hangs. */

/** The share of one worker. */
export interface WorkerShare {
  readonly seed: number;
  /** Numbers of the worker's cases: every `stride`-th from `first` up to `end`. */
  readonly first: number;
  readonly stride: number;
  readonly end: number;
  /** Whether programs without errors are run, too. */
  readonly runs: boolean;
  /** The worker writes the number of its current case here. */
  readonly progress: Int32Array;
  /** Not 0 once the time is over. */
  readonly stop: Int32Array;
}

/** The number of cases, and the number of workers. */
export interface Amount {
  /** Number of cases; Infinity if only the time limits them. */
  readonly cases: number;
  /** Number of the first case (default 0). */
  readonly first?: number;
  /**
   * Time after which no further case is begun. If it is absent, only the number of cases is
   * limited.
   */
  readonly seconds?: number;
  readonly seed: number;
  readonly workers: number;
}

/** A module for workers: it gets a share as a message, and posts a result. */
export interface Worked<R> {
  readonly module: URL;
  /** Whether programs without errors are run, too (default true). */
  readonly runs?: boolean;
  /** The result for a worker that was terminated because the case with this number did not end. */
  hung(number: number): R;
}

/**
 * A case that takes longer than this is hanging, however busy the host is: the slowest case takes
 * seconds.
 */
const PATIENCE_MS = 120_000;
export const NO_ANSWER = `no answer within ${PATIENCE_MS / 1000} s`;

/** The numbers of a share, until the time is over; each is written to `progress`. */
export function* numbersOf({ end, first, progress, stop, stride }: WorkerShare): Generator<number> {
  for (let number = first; number < end && Atomics.load(stop, 0) === 0; number += stride) {
    Atomics.store(progress, 0, number);
    yield number;
  }
}

export async function runShares<R>(
  { cases, first = 0, seconds = Infinity, seed, workers }: Amount,
  worked: Worked<R>,
): Promise<readonly R[]> {
  const { runs = true } = worked;
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const timer = seconds === Infinity
    ? null
    : setTimeout(() => Atomics.store(stop, 0, 1), 1000 * seconds);
  const shares = Array.from({ length: workers }, (_, index) => {
    const progress = new Int32Array(new SharedArrayBuffer(4));
    return runShare({
      seed,
      first: first + index,
      stride: workers,
      end: first + cases,
      runs,
      progress,
      stop,
    }, worked);
  });
  const results = await Promise.all(shares);
  if (timer !== null) clearTimeout(timer);
  return results;
}

function runShare<R>(share: WorkerShare, { hung, module }: Worked<R>): Promise<R> {
  const worker = new Worker(module, { type: "module" });
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
      // Before its first case, a worker is still loading its modules.
      if (number !== lastSeen || number < 0) {
        lastSeen = number;
        since = performance.now();
      } else if (performance.now() - since > PATIENCE_MS) {
        end();
        resolve(hung(number));
      }
    }, 500);
    worker.onmessage = ({ data }: MessageEvent<R>) => {
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
