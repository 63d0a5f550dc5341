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

/** Starts a program, and waits for its end. */
type Start = () => void;

/** Milliseconds of wall time. */
function timed(start: Start): number {
  const began = performance.now();
  start();
  return performance.now() - began;
}

/** Times both in turn, so that a change in the machine's load meets both. */
function measureStart(name: string, own: Start, other: Start, to: string): BenchResult {
  const ownMs: number[] = [];
  const otherMs: number[] = [];
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    const otherTook = timed(other);
    const ownTook = timed(own);
    if (round < 0) continue;
    otherMs.push(otherTook);
    ownMs.push(ownTook);
  }
  return {
    name,
    value: rounded(median(ownMs)),
    unit: "ms",
    ratio: rounded(median(ownMs) / median(otherMs)),
    to,
  };
}

/** A scenario in a folder against an empty file there. */
function measureScenario(name: string, folder: string, scenario: string): BenchResult {
  return measureStart(
    name,
    () => void runDeno(["-R=.", scenario], folder),
    () => void runDeno([EMPTY], folder),
    "deno run of an empty file",
  );
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
      return measureScenario(START_COLD.name, folder, "start.dma");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
};

export const START_CHECKOUT: Benchmark = {
  name: "start.checkout",
  doc: "the same in this project, from its sources",
  run: () => measureScenario(START_CHECKOUT.name, PROJECT, SCENARIO),
};

/** A process that reads no input. @throws {Error} When it fails. */
function runWithoutInput(args: readonly string[], folder: string): void {
  const { success } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync();
  if (!success) throw new Error(`deno ${args.join(" ")} failed`);
}

/** The REPL of a program in a folder against Deno's own. */
function measureRepl(name: string, folder: string, program: string): BenchResult {
  const repl = ["run", "--no-prompt", "-R=.", program, "repl"];
  return measureStart(
    name,
    () => runWithoutInput(repl, folder),
    () => runWithoutInput(["repl"], folder),
    "deno repl",
  );
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
