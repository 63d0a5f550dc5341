/// <reference lib="deno.worker" />
/** Does the jobs that it receives, one after the other, and posts what they report. */
import { SharedInterrupts } from "../interrupts.ts";
import type { DriverJob, DriverRunner } from "../hunt/driver_job.ts";
import type { TurnJob, TurnRunner } from "../hunt/turn_job.ts";
import type { BenchJob } from "../scenario/bench_job.ts";
import type { FileJob } from "../testing/file_run.ts";
import type { WorkerJob } from "./run_plan.ts";

type Job =
  | { readonly kind: "file" } & FileJob
  | { readonly kind: "bench" } & BenchJob
  | { readonly kind: "turn" } & TurnJob
  | { readonly kind: "driver" } & DriverJob;

/** The receiver of jobs. A hunt is opened by its first job and kept for those that follow. */
function receiver(): (event: MessageEvent<WorkerJob<Job>>) => Promise<void> {
  let turns: TurnRunner | null = null;
  let drivers: DriverRunner | null = null;
  return async ({ data: { interrupts, job } }) => {
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
        turns ??= await TurnRunner.open(job);
        return turns.run(job, send, watch);
      }
      case "driver": {
        const { DriverRunner } = await import("../hunt/driver_job.ts");
        drivers ??= await DriverRunner.open(job);
        return drivers.run(job, send, watch);
      }
    }
  };
}

self.onmessage = receiver();
