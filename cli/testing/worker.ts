/// <reference lib="deno.worker" />
/** Runs files of tests one after the other, as they come, and tells what happens. */
import { type FileJob, runFile } from "./file_run.ts";

self.onmessage = async ({ data }: MessageEvent<FileJob>) => {
  await runFile(data, (event) => self.postMessage(event));
};
