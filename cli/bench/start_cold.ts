/**
 * How long a scenario of five lines takes from the shell's point of view.
 *
 * `start.cold` is what users have: dmalab as the package that `dmalab init` and npm install, one
 * bundle. `start.checkout` is the same scenario in this project, from some three hundred sources.
 */
import { join } from "@std/path";
import { initFolder } from "../init/init_folder.ts";
import { buildPackage } from "../package/build_package.ts";
import { type Benchmark, type BenchResult, median, rounded } from "./benchmark.ts";
import { PROJECT, runDeno } from "./child.ts";

const EMPTY = join(PROJECT, "cli/bench/empty.ts");
const SCENARIO = "benches/start.dma";

/** Pairs of runs that count. */
const ROUNDS = 15;
/** Pairs before those, to fill the caches of Deno and of the disk. */
const WARM_UPS = 2;

/** Wall time of one `deno run`, in milliseconds. @throws {Error} When the run fails. */
function timeRun(args: readonly string[], folder: string): number {
  const start = performance.now();
  runDeno(args, folder);
  return performance.now() - start;
}

/** Times both files in turn, so that a change in the machine's load meets both. */
function measureStart(name: string, folder: string, scenario: string): BenchResult {
  const scenarioMs: number[] = [];
  const emptyMs: number[] = [];
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    const empty = timeRun([EMPTY], folder);
    const started = timeRun(["-R=.", scenario], folder);
    if (round < 0) continue;
    emptyMs.push(empty);
    scenarioMs.push(started);
  }
  return {
    name,
    value: rounded(median(scenarioMs)),
    unit: "ms",
    ratio: rounded(median(scenarioMs) / median(emptyMs)),
    to: "deno run of an empty file",
  };
}

/** Nobody reads types here. */
function withoutTypes(folder: string): Promise<string | null> {
  const built = buildPackage(folder, false);
  return Promise.resolve(built.done ? null : built.problem);
}

export const START_COLD: Benchmark = {
  name: "start.cold",
  doc: "a scenario of five lines with dmalab as a package, against an empty file",
  async run() {
    const folder = Deno.makeTempDirSync({ prefix: "dmalab-start-" });
    try {
      const made = await initFolder(folder, withoutTypes);
      if (!made.done) throw new Error(made.problem);
      Deno.copyFileSync(join(PROJECT, SCENARIO), join(folder, "start.dma"));
      return measureStart(START_COLD.name, folder, "start.dma");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
};

export const START_CHECKOUT: Benchmark = {
  name: "start.checkout",
  doc: "the same in this project, from its sources",
  run: () => measureStart(START_CHECKOUT.name, PROJECT, SCENARIO),
};

/** Wall time of one process that reads no input, in milliseconds. @throws {Error} When it fails. */
function timeProcess(args: readonly string[], folder: string): number {
  const start = performance.now();
  const { success } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync();
  if (!success) throw new Error(`deno ${args.join(" ")} failed`);
  return performance.now() - start;
}

/** Times both in turn. */
function measureRepl(name: string, folder: string, program: string): BenchResult {
  const ownMs: number[] = [];
  const denoMs: number[] = [];
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    const deno = timeProcess(["repl"], folder);
    const own = timeProcess(["run", "--no-prompt", "-R=.", program, "repl"], folder);
    if (round < 0) continue;
    denoMs.push(deno);
    ownMs.push(own);
  }
  return {
    name,
    value: rounded(median(ownMs)),
    unit: "ms",
    ratio: rounded(median(ownMs) / median(denoMs)),
    to: "deno repl",
  };
}

export const REPL_START: Benchmark = {
  name: "repl.start",
  doc: "the REPL with dmalab as a package, up to the end of an empty input, against deno repl",
  run() {
    const folder = Deno.makeTempDirSync({ prefix: "dmalab-start-" });
    try {
      const built = buildPackage(folder, false);
      if (!built.done) throw new Error(built.problem);
      return Promise.resolve(measureRepl(REPL_START.name, folder, "bin.js"));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
};

export const REPL_START_CHECKOUT: Benchmark = {
  name: "repl.start_checkout",
  doc: "the same in this project, from its sources",
  run: () => Promise.resolve(measureRepl(REPL_START_CHECKOUT.name, PROJECT, "cli/main.ts")),
};
