/// <reference lib="deno.worker" />
/** Runs files of tests one after the other, as they come, and tells what happens. */
import { SharedInterrupts } from "../interrupts.ts";
import { type FileJob, runFile } from "./file_run.ts";

/** A file to run, and where to see that somebody wants to end it. */
export interface WorkerJob {
  readonly job: FileJob;
  readonly interrupts: SharedArrayBuffer;
}

self.onmessage = async ({ data }: MessageEvent<WorkerJob>) => {
  const watch = new SharedInterrupts(data.interrupts);
  await runFile(data.job, (event) => self.postMessage(event), watch);
};
