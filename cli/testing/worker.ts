/// <reference lib="deno.worker" />
/** Runs the test files that it receives, one after the other, and posts their events. */
import { SharedInterrupts } from "../interrupts.ts";
import { type FileJob, runFile } from "./file_run.ts";

/** A file to run, and the flag that interrupts it. */
export interface WorkerJob {
  readonly job: FileJob;
  readonly interrupts: SharedArrayBuffer;
}

self.onmessage = async ({ data }: MessageEvent<WorkerJob>) => {
  const watch = new SharedInterrupts(data.interrupts);
  await runFile(data.job, (event) => self.postMessage(event), watch);
};
