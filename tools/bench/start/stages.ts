/** The stages of a start with their times, from the shell's call to the end of the process. */
import { TempFolder } from "../../temp_folder.ts";
import { join } from "node:path";
import { bundle, SourceCopy } from "../../package/bundle.ts";
import { PROJECT } from "../../project.ts";
import { type Benchmark, benchResult } from "../benchmark.ts";
import type { BenchResult } from "@dmalab/cli/bench";
import { runDeno } from "../child.ts";
import { nowMs } from "./clock.ts";

/**
 * Measured runs of each program. The shortest time of each stage is used, because it contains the
 * least load from other processes.
 */
const ROUNDS = 15;
/** Warm-up runs before the measured runs, to fill Deno's caches. */
const WARM_UPS = 2;

/** Milliseconds by stage, in order; their sum is the time of the whole run. */
type Stages = Map<string, number>;

/** The name of the scenario in the folder. */
const SCENARIO = "start.dma";
const EMPTY = new URL("./empty_main.ts", import.meta.url);
const STARTED = new URL("./stages_main.ts", import.meta.url);
const PROGRAMS = [EMPTY, STARTED];

/** One run of a program that prints when each of its stages ended. */
function runStages(folder: string, program: URL): Stages {
  const start = nowMs();
  const printed = runDeno(["-R=.", bundledName(program), SCENARIO], folder);
  const end = nowMs();
  const stages: Stages = new Map();
  let before = start;
  for (const [stage, ms] of JSON.parse(printed) as readonly (readonly [string, number])[]) {
    stages.set(stage, ms - before);
    before = ms;
  }
  stages.set("end", end - before);
  return stages;
}

/** The file name that a program of this project has in a folder of bundles. */
function bundledName(program: URL): string {
  return program.pathname.split("/").at(-1)!.replace(/ts$/, "js");
}

/**
 * A row for each stage: its name in `Stages`, its name in the result, and a stage of
 * the empty program, or null. The time of that stage of the empty program is Deno's own share, and
 * is subtracted.
 */
const STAGES = [
  ["begun", "read", "begun"],
  ["modules", "modules", null],
  ["parser", "parser", null],
  ["scenario", "scenario", null],
  ["machine", "machine", null],
  ["run", "test", null],
  ["end", "end", "end"],
] as const;

/** The shortest time of each stage. */
function shortest(runs: readonly Stages[]): Stages {
  return new Map(
    [...runs[0]!.keys()].map((stage) => [stage, Math.min(...runs.map((run) => run.get(stage)!))]),
  );
}

export const START_STAGES: Benchmark = {
  name: "start.stage",
  doc:
    "where the time of a start goes: Deno itself, reading dmalab, its modules, parser and machine",
  run() {
    using folder = new TempFolder();
    using sources = new SourceCopy(PROGRAMS);
    const problem = bundle([PROGRAMS], sources, folder.path);
    if (problem !== null) throw new Error(problem);
    // As in a user's folder of scenarios, this file makes the folder the root.
    folder.write("deno.json", "{}\n");
    Deno.copyFileSync(join(PROJECT, "tools/bench/scenarios/start.dma"), folder.at(SCENARIO));
    const runs = PROGRAMS.map((): Stages[] => []);
    for (let round = -WARM_UPS; round < ROUNDS; round++) {
      for (const [index, program] of PROGRAMS.entries()) {
        const stages = runStages(folder.path, program);
        if (round >= 0) runs[index]!.push(stages);
      }
    }
    return resultsOf(shortest(runs[0]!), shortest(runs[1]!));
  },
};

function resultsOf(empty: Stages, started: Stages): readonly BenchResult[] {
  const sum = (stages: Stages) => [...stages.values()].reduce((total, ms) => total + ms, 0);
  const denoMs = sum(empty);
  const result = (name: string, ms: number) =>
    benchResult(`start.stage.${name}`, ms, "ms", ms / denoMs, "Deno itself");
  return [
    result("deno", denoMs),
    ...STAGES.map(([stage, name, ofDeno]) =>
      result(name, started.get(stage)! - (ofDeno === null ? 0 : empty.get(ofDeno)!))
    ),
  ];
}
