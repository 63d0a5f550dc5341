/** Files of tests in this process or in several workers; either way their events come file by file. */
import type { Interrupts } from "../interrupts.ts";
import { type HostWorker, startWorker } from "../host.ts";
import { TEST_WORKER } from "../places.ts";
import { type FileEvent, type FileJob, type ListenersOf, runFile } from "./file_run.ts";
import type { WorkerJob } from "./worker.ts";

/** Observes jobs and can end them. */
export interface JobWatch {
  /** Gets the events of the first file, then those of the second, and so on. */
  readonly onEvent: (event: FileEvent) => void;
  readonly interrupts: Interrupts;
  /** Asked before each job. */
  readonly mayGoOn: () => boolean;
  /** Observers of the machine's events; only where the jobs run in this thread. */
  readonly listeners: ListenersOf | null;
}

/**
 * Runs jobs.
 *
 * @param workers How many at once; with 1 they run here.
 */
export async function runJobs(
  jobs: readonly FileJob[],
  workers: number,
  { interrupts, listeners, mayGoOn, onEvent }: JobWatch,
): Promise<void> {
  if (workers <= 1 || jobs.length <= 1) {
    for (const job of jobs) {
      if (interrupts.interrupted() || !mayGoOn()) return;
      await runFile(job, onEvent, interrupts, listeners);
    }
    return;
  }
  const waiting = jobs.map((): FileEvent[] => []);
  let next = 0;
  /** The file whose events are passed on as they come. */
  let shown = 0;
  const receive = (index: number, event: FileEvent) => {
    waiting[index]!.push(event);
    while (shown < jobs.length) {
      const events = waiting[shown]!.splice(0);
      for (const each of events) onEvent(each);
      if (events.at(-1)?.kind !== "end") return;
      shown++;
    }
  };
  interrupts.listen();
  const lanes = Array.from({ length: Math.min(workers, jobs.length) }, async () => {
    const worker = startWorker(TEST_WORKER);
    try {
      while (next < jobs.length && !interrupts.interrupted() && mayGoOn()) {
        const index = next++;
        const job = { job: jobs[index]!, interrupts: interrupts.shared };
        await runIn(worker, job, (event) => receive(index, event));
      }
    } finally {
      worker.terminate();
    }
  });
  await Promise.all(lanes);
}

function runIn(
  worker: HostWorker,
  job: WorkerJob,
  onEvent: (event: FileEvent) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<FileEvent>) => {
      onEvent(data);
      if (data.kind === "end") resolve();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`A worker ended while it ran "${job.job.path}": ${event.message}`));
    };
    worker.postMessage(job);
  });
}
