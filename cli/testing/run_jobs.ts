/** Files of tests in this process or in several workers; either way their events come file by file. */
import { type Plan, runPlan } from "../jobs/run_plan.ts";
import type { SignalWatch } from "../interrupts.ts";
import { type FileEvent, type FileJob, type ListenersOf, runFile } from "./file_run.ts";

/** Observes jobs and can end them. */
export interface JobWatch {
  /** Gets the events of the first file, then those of the second, and so on. */
  readonly onEvent: (event: FileEvent) => void;
  readonly interrupts: SignalWatch;
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
  watch: JobWatch,
): Promise<void> {
  const { interrupts, listeners, mayGoOn, onEvent } = watch;
  if (workers > 1 && jobs.length > 1) {
    return await runPlan(new FilePlan(jobs, watch), workers, interrupts);
  }
  for (const job of jobs) {
    if (interrupts.interrupted() || !mayGoOn()) return;
    await runFile(job, onEvent, interrupts, listeners);
  }
}

type NumberedJob = FileJob & { readonly kind: "file"; readonly number: number };

class FilePlan implements Plan<NumberedJob, FileEvent> {
  #next = 0;
  /** The file whose events are passed on as they come. */
  #shown = 0;
  readonly #waiting: FileEvent[][];

  constructor(readonly jobs: readonly FileJob[], readonly watch: JobWatch) {
    this.#waiting = jobs.map(() => []);
  }

  next(): NumberedJob | null {
    const job = this.jobs[this.#next];
    const { interrupts, mayGoOn } = this.watch;
    if (job === undefined || interrupts.interrupted() || !mayGoOn()) return null;
    return { ...job, kind: "file", number: this.#next++ };
  }

  receive({ number }: NumberedJob, event: FileEvent): void {
    this.#waiting[number]!.push(event);
    while (!this.isComplete()) {
      const events = this.#waiting[this.#shown]!.splice(0);
      for (const each of events) this.watch.onEvent(each);
      if (events.at(-1)?.kind !== "end") return;
      this.#shown++;
    }
  }

  isComplete(): boolean {
    return this.#shown === this.jobs.length;
  }
}
