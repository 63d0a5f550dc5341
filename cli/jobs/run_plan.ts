/** Jobs in several workers. A plan decides which job is next, and in which order results count. */
import type { SignalWatch } from "../interrupts.ts";
import { JOB_WORKER } from "../places.ts";

/** A job for a worker; `kind` selects its runner. All of its properties can be posted to a worker. */
export interface AnyJob {
  readonly kind: string;
  readonly path: string | null;
}

export interface WorkerJob<J> {
  readonly job: J;
  readonly interrupts: SharedArrayBuffer;
}

export interface Plan<J extends AnyJob, M extends { readonly kind: string }> {
  /** The job to start now; null if none can start before another job ends. */
  next(): J | null;
  /** Called with each message of a job; the last message has the kind `end`. */
  receive(job: J, message: M): void;
  /** Whether all wanted results have arrived. If so, running jobs are terminated. */
  isComplete(): boolean;
}

/**
 * Runs a plan's jobs until the plan is complete or has no more jobs.
 * @param workers Largest number of workers.
 */
export function runPlan<J extends AnyJob, M extends { readonly kind: string }>(
  plan: Plan<J, M>,
  workers: number,
  interrupts: SignalWatch,
): Promise<void> {
  interrupts.listen();
  const started: Worker[] = [];
  const idle: Worker[] = [];
  const running = new Promise<void>((resolve, reject) => {
    const start = (worker: Worker, job: J) => {
      worker.onmessage = ({ data }: MessageEvent<M>) => {
        try {
          if (data.kind === "end") idle.push(worker);
          plan.receive(job, data);
          goOn();
        } catch (error) {
          reject(error);
        }
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(
          new Error(`A worker ended while it ran "${job.path ?? job.kind}": ${event.message}`),
        );
      };
      const orders: WorkerJob<J> = { job, interrupts: interrupts.shared };
      worker.postMessage(orders);
    };
    const goOn = () => {
      while (!plan.isComplete() && (idle.length > 0 || started.length < workers)) {
        const job = plan.next();
        if (job === null) break;
        start(idle.pop() ?? newWorker(started), job);
      }
      if (plan.isComplete() || idle.length === started.length) resolve();
    };
    goOn();
  });
  return running.finally(() => {
    for (const worker of started) worker.terminate();
  });
}

function newWorker(started: Worker[]): Worker {
  const worker = new Worker(JOB_WORKER, { type: "module" });
  started.push(worker);
  return worker;
}

/** Starts a job that belongs to no plan. It runs until its worker is terminated. */
export function startJob(job: AnyJob): Worker {
  const worker = newWorker([]);
  const orders: WorkerJob<AnyJob> = { job, interrupts: new SharedArrayBuffer(4) };
  worker.postMessage(orders);
  return worker;
}
