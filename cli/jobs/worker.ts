/// <reference lib="deno.worker" />
/** Does the jobs that it receives, one after the other, and posts what they report. */
import { EXTENSIONS } from "../extensions.ts";
import type { JobRunner, OpenJobRunner } from "../extension.ts";
import { SharedInterrupts } from "../interrupts.ts";
import { keepCompiler } from "../compile_cache.ts";
import type { AnyJob, WorkerJob } from "./run_plan.ts";

/** Runners of the core and of the extensions, by the kind of their jobs. */
const OPENERS: Readonly<Record<string, OpenJobRunner<never>>> = {
  file: async () => ({ run: (await import("../testing/file_run.ts")).runFile }),
  bench: async () => ({ run: (await import("../bench/bench_job.ts")).runBenchJob }),
  ...Object.assign({}, ...EXTENSIONS.map(({ jobRunners }) => jobRunners)),
};

/** The receiver of jobs. What runs those of a kind is opened by its first job. */
function receiver(): (event: MessageEvent<WorkerJob<AnyJob>>) => Promise<void> {
  const opened = new Map<string, JobRunner<never>>();
  return async ({ data: { interrupts, job } }) => {
    const watch = new SharedInterrupts(interrupts);
    let runner = opened.get(job.kind);
    if (runner === undefined) {
      runner = await OPENERS[job.kind]!(job as never);
      opened.set(job.kind, runner);
    }
    await runner.run(job as never, (message) => self.postMessage(message), watch);
  };
}

keepCompiler();
self.onmessage = receiver();
