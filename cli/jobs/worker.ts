/// <reference lib="deno.worker" />
/** Runs jobs in a worker, one after the other, and posts their messages. */
import type { JobRunner, OpenJobRunner } from "../extension.ts";
import { loadExtensions } from "../extensions.ts";
import { SharedInterrupts } from "../interrupts.ts";
import type { PlaceJob } from "./place_job.ts";
import { keepCompiler } from "../compile_cache.ts";
import { chooseCompiler } from "../system_clang.ts";
import type { AnyJob, Skipped, WorkerJob } from "./run_plan.ts";

/** Runners of the core, by the kind of their jobs. */
const CORE_RUNNERS: Readonly<Record<string, OpenJobRunner<never>>> = {
  file: async () => ({ run: (await import("../testing/file_run.ts")).runFile }),
  places: async (first: PlaceJob) => await (await import("./place_job.ts")).openPlaces(first),
  bench: async () => ({ run: (await import("../bench/bench_job.ts")).runBenchJob }),
};

/** Receives the jobs of this worker, and runs them in their order. The first job of a kind opens its runner. */
export function receiveJobs(): void {
  keepCompiler();
  const opened = new Map<string, JobRunner<never>>();
  const run = async ({ claim, compiler, interrupts, job }: WorkerJob<AnyJob>) => {
    if (Atomics.compareExchange(new Int32Array(claim), 0, 0, 1) !== 0) {
      self.postMessage({ kind: "skipped" } satisfies Skipped);
      return;
    }
    chooseCompiler(compiler);
    const watch = new SharedInterrupts(interrupts);
    let runner = opened.get(job.kind);
    if (runner === undefined) {
      runner = await (await openerOf(job.kind))(job as never);
      opened.set(job.kind, runner);
    }
    await runner.run(job as never, (message) => self.postMessage(message), watch);
  };
  let last: Promise<void> = Promise.resolve();
  self.onmessage = ({ data }: MessageEvent<WorkerJob<AnyJob>>) => {
    last = last.then(() => run(data));
  };
}

async function openerOf(kind: string): Promise<OpenJobRunner<never>> {
  const own = CORE_RUNNERS[kind];
  if (own !== undefined) return own;
  const extensions = await loadExtensions();
  return extensions.find(({ jobRunners }) => jobRunners?.[kind] !== undefined)!.jobRunners![kind]!;
}
