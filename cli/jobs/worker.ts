/// <reference lib="deno.worker" />
/** Does the jobs that it receives, one after the other, and posts what they report. */
import { SharedInterrupts } from "../interrupts.ts";
import type { FileJob } from "../testing/file_run.ts";
import type { BenchJob } from "../scenario/bench_job.ts";
import type { TurnJob, TurnRunner } from "../hunt/turn_job.ts";
import type { DriverJob, DriverRunner } from "../hunt/driver_job.ts";

/** What a worker can do. All of it can be posted. */
export type Job =
  | { readonly kind: "file" } & FileJob
  | { readonly kind: "bench" } & BenchJob
  | { readonly kind: "turn" } & TurnJob
  | { readonly kind: "driver" } & DriverJob;

/** A job, and the flag that interrupts it. */
export interface WorkerJob {
  readonly job: Job;
  readonly interrupts: SharedArrayBuffer;
}

/** What one job leaves for the next of its kind. */
class Kept {
  turns: TurnRunner | null = null;
  drivers: DriverRunner | null = null;
}

const kept = new Kept();

self.onmessage = async ({ data: { interrupts, job } }: MessageEvent<WorkerJob>) => {
  const watch = new SharedInterrupts(interrupts);
  const send = (message: { readonly kind: string }) => self.postMessage(message);
  switch (job.kind) {
    case "file": {
      const { runFile } = await import("../testing/file_run.ts");
      return await runFile(job, send, watch);
    }
    case "bench": {
      const { runBenchJob } = await import("../scenario/bench_job.ts");
      return await runBenchJob(job, send, watch);
    }
    case "turn": {
      const { TurnRunner } = await import("../hunt/turn_job.ts");
      kept.turns ??= await TurnRunner.open(job);
      return kept.turns.run(job, send, watch);
    }
    case "driver": {
      const { DriverRunner } = await import("../hunt/driver_job.ts");
      kept.drivers ??= await DriverRunner.open(job);
      return kept.drivers.run(job, send, watch);
    }
  }
};
