/**
 * Jobs in this thread and in workers. A plan decides which job is next, and in which order results
 * count.
 */
import { EndingSignals } from "../interrupts.ts";
import { JOB_WORKER } from "../places.ts";
import { chosenCompiler } from "../system_clang.ts";
import type { JobCount } from "./job_count.ts";
import { WorkerStart } from "./worker_start.ts";

/** A job; `kind` selects its runner in a worker. All of its properties can be posted to a worker. */
export interface AnyJob {
  readonly kind: string;
  readonly path: string | null;
}

export interface WorkerJob<J> {
  readonly job: J;
  readonly interrupts: SharedArrayBuffer;
  /** A flag that is set by the first thread that takes the job. */
  readonly claim: SharedArrayBuffer;
  /** The compiler that the command line chose: `chooseCompiler()`. */
  readonly compiler: string | null;
}

/** Posted by a worker for a job that this thread has taken. */
export interface Skipped {
  readonly kind: "skipped";
}

export interface Plan<J extends AnyJob, M extends { readonly kind: string }> {
  /** The job to start now; null if none can start before another job ends. */
  next(): J | null;
  /** Called with each message of a job; the last message has the kind `end`. */
  receive(job: J, message: M): void;
  /** Whether all wanted results have arrived. If so, running jobs are terminated. */
  isComplete(): boolean;
  /** How long one thread would take for the rest, estimated from the time that the jobs have taken. */
  leftMs(takenMs: number): number;
}

/** An estimate of the time for the rest, if each piece takes as long as the average of the finished pieces. */
export function restMs(takenMs: number, done: number, all: number): number {
  return takenMs * (all - done) / Math.max(done, 1);
}

export interface Crew<J, M> {
  /** Largest number of jobs at a time, this thread's included. */
  readonly jobs: JobCount;
  /** Whether workers get no job for the time being. */
  readonly isAlone?: () => boolean;
  readonly interrupts: EndingSignals;
  /** Runs a job in this thread. */
  readonly run: (job: J, send: (message: M) => void) => void | Promise<void>;
}

/** Jobs that a worker has been given at a time, so that it need not wait while this thread runs a job. */
const AHEAD = 2;

/**
 * Runs a plan's jobs until the plan is complete or has no more jobs. This thread runs jobs, too; workers start
 * when they pay (`WorkerStart`).
 */
export async function runPlan<J extends AnyJob, M extends { readonly kind: string }>(
  plan: Plan<J, M>,
  crew: Crew<J, M>,
): Promise<void> {
  const run = new PlanRun(plan, crew);
  try {
    await run.toItsEnd();
  } finally {
    run.terminate();
  }
}

/** How often this thread looks whether workers pay, while it waits for a compiler. */
const CHECK_MS = 250;

/** Runs a plan that writes each result when it arrives. Therefore a signal may end the process at once. */
export async function runEndedBySignals<J extends AnyJob, M extends { readonly kind: string }>(
  plan: Plan<J, M>,
  crew: Omit<Crew<J, M>, "interrupts">,
): Promise<void> {
  const interrupts = new EndingSignals();
  const timer = setInterval(() => interrupts.interrupted(), CHECK_MS);
  try {
    await runPlan(plan, { ...crew, interrupts });
  } finally {
    clearInterval(timer);
  }
}

/** A worker, and its jobs that have not ended, the running one first. */
interface Hand<J> {
  readonly worker: Worker;
  readonly given: { readonly job: J; readonly claim: Int32Array }[];
}

class PlanRun<J extends AnyJob, M extends { readonly kind: string }> {
  readonly #start: WorkerStart;
  readonly #hands: Hand<J>[] = [];
  #problem: unknown = null;
  #wake: () => void = () => {};

  constructor(readonly plan: Plan<J, M>, readonly crew: Crew<J, M>) {
    this.#start = new WorkerStart(crew.jobs);
  }

  async toItsEnd(): Promise<void> {
    this.#giveJobsMeanwhile();
    while (!this.plan.isComplete()) {
      if (this.crew.interrupts.interrupted()) { while (this.#takenBack() !== null); }
      const own = this.plan.next() ?? this.#takenBack();
      this.#giveJobs();
      if (own !== null) await this.crew.run(own, (message) => this.plan.receive(own, message));
      else if (this.#hands.every(({ given }) => given.length === 0)) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
      // Messages of workers arrive between two jobs of this thread.
      if (this.#hands.length > 0) await new Promise((resolve) => setTimeout(resolve, 0));
      if (this.#problem !== null) throw this.#problem;
    }
  }

  /** Starts workers also while this thread is in the midst of a long job. */
  #giveJobsMeanwhile(): void {
    if (this.#start.isAlone) return;
    this.crew.interrupts.meanwhile = () => {
      this.#giveJobs();
      if (this.#hands.length === 0) this.#giveJobsMeanwhile();
    };
  }

  terminate(): void {
    this.crew.interrupts.meanwhile = null;
    for (const { worker } of this.#hands) worker.terminate();
  }

  #giveJobs(): void {
    if (this.crew.isAlone?.()) return;
    const workers = this.#start.workers((takenMs) => this.plan.leftMs(takenMs));
    for (let load = 0; load < AHEAD; load++) {
      for (let index = 0; index < workers; index++) {
        if ((this.#hands[index]?.given.length ?? 0) > load || this.plan.isComplete()) continue;
        const job = this.plan.next();
        if (job === null) return;
        this.#give(this.#hands[index] ?? this.#newHand(), job);
      }
    }
  }

  #give({ given, worker }: Hand<J>, job: J): void {
    given.push({ job, claim: postJob(worker, job, this.crew.interrupts.shared) });
  }

  /** A job that was given to a worker which has not begun it; null without one. */
  #takenBack(): J | null {
    for (const { given } of this.#hands) {
      const last = given.at(-1);
      if (last !== undefined && Atomics.compareExchange(last.claim, 0, 0, 1) === 0) return last.job;
    }
    return null;
  }

  #newHand(): Hand<J> {
    this.crew.interrupts.listenAside();
    const hand: Hand<J> = { worker: newWorker(), given: [] };
    this.#hands.push(hand);
    hand.worker.onmessage = ({ data }: MessageEvent<M>) => {
      const { job } = hand.given[0]!;
      try {
        if (data.kind === "end" || data.kind === "skipped") hand.given.shift();
        if (data.kind !== "skipped") this.plan.receive(job, data);
      } catch (error) {
        this.#problem = error;
      }
      this.#wake();
    };
    hand.worker.onerror = (event) => {
      event.preventDefault();
      const job = hand.given[0]?.job;
      const what = job === undefined ? "" : ` while it ran "${job.path ?? job.kind}"`;
      this.#problem = new Error(`A worker ended${what}: ${event.message}`);
      this.#wake();
    };
    return hand;
  }
}

function newWorker(): Worker {
  return new Worker(JOB_WORKER, { type: "module" });
}

/** Starts a job that belongs to no plan. It runs until its worker is terminated. */
export function startJob(
  job: AnyJob,
  interrupts: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
): Worker {
  const worker = newWorker();
  postJob(worker, job, interrupts);
  return worker;
}

/** Gives a job to a worker. @returns The job's claim. */
export function postJob(worker: Worker, job: AnyJob, interrupts: SharedArrayBuffer): Int32Array {
  const claim = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const orders: WorkerJob<AnyJob> = { job, interrupts, claim, compiler: chosenCompiler() };
  worker.postMessage(orders);
  return new Int32Array(claim);
}
