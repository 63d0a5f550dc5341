/** Speed of the hunt's random requests, the size of their steps, and the cost of side runs. */
import { readScenario } from "@dmalab/cli/scenario";
import {
  CaseRun,
  hitPoints,
  type HuntCase,
  type HuntRelease,
  layoutFactsOf,
  MemoryLayout,
  sampleCases,
} from "@dmalab/hunt";
import { runProgram } from "@dmalab/lang/program";
import { DEFAULT_KERNEL } from "@dmalab/runtime/kernels";
import { type Benchmark, benchResult, plainBenchmark } from "./benchmark.ts";
import { type BenchResult, medianOf } from "@dmalab/cli/bench";
import { V8_FLAGS } from "@dmalab/cli/extend";
import { measureInChild } from "./child.ts";
import { cpuSeconds, secondsOf } from "./cpu_time.ts";

/** Number of measured rounds, and of warm-up rounds before the measured rounds. */
const ROUNDS = 3;
const WARM_UPS = 1;

/** Number of machines in a round, each with about eleven steps. */
const MACHINES = 200;
const MIB = 2 ** 20;

/** A release in which there is nothing to find. */
const RELEASE: HuntRelease = { kernel: DEFAULT_KERNEL, quirks: new Set() };

/** The size of a step: its bytes, and the number of pieces of memory. */
function sizesOf({ machine, steps }: HuntCase): { bytes: number; pieces: number } {
  const sizes = { bytes: 0, pieces: 0 };
  for (const { ios } of steps) {
    const layout = new MemoryLayout(layoutFactsOf(machine, RELEASE.kernel, 0));
    for (const io of ios) {
      const { data, dataBytes } = layout.place(io);
      sizes.bytes += dataBytes;
      sizes.pieces += data.length;
    }
  }
  return sizes;
}

/**
 * Runs random cases as the hunt does. Returns the number of steps in a second, and the size of a
 * step.
 */
export function measureCases(): readonly BenchResult[] {
  const cases = sampleCases(hitPoints(RELEASE), 1, MACHINES);
  const steps = cases.reduce((count, each) => count + each.steps.length, 0);
  const sizes = cases.map(sizesOf);
  const bytes = sizes.reduce((sum, each) => sum + each.bytes, 0);
  const pieces = sizes.reduce((sum, each) => sum + each.pieces, 0);
  const runAll = () => {
    for (const { machine, steps } of cases) {
      const run = new CaseRun(machine, RELEASE);
      for (const step of steps) if (run.step(step) !== null) throw new Error("A step went wrong");
    }
  };
  const seconds = medianOf(ROUNDS, WARM_UPS, () => secondsOf(runAll));
  return [
    benchResult("hunt.cases", steps / seconds, "steps/s"),
    benchResult("hunt.cases.moved", bytes / MIB / seconds, "MiB/s"),
    benchResult("hunt.cases.bytes", bytes / steps, "bytes a step"),
    benchResult("hunt.cases.pieces", pieces / steps, "pieces a step"),
  ];
}

/** The number of times per second that a scenario's tests run, with all their side runs. */
function measureFile(path: string): number {
  const opened = readScenario(path);
  if ("problem" in opened) throw new Error(opened.problem);
  const { program } = opened;
  if (program === null) throw new Error(`${path} has errors`);
  const run = () => {
    const { outcomes } = runProgram(program, { onLine() {} });
    if (outcomes.some(({ outcome }) => outcome !== "passed")) throw new Error(`${path} fails`);
  };
  return medianOf(ROUNDS, WARM_UPS, () => {
    const start = cpuSeconds();
    let runs = 0;
    for (; cpuSeconds() - start < 1; runs++) run();
    return runs / (cpuSeconds() - start);
  });
}

export const RANDOM_HUNT: readonly Benchmark[] = [
  {
    name: "hunt.cases",
    doc: "steps of the hunt of random requests, with nothing to find, and how large they are",
    // Measured in a separate process with the V8 flags of the package's command. After other benches, the
    // state of V8 would account for about a third of the time.
    run: () => measureInChild(measureCases, [], V8_FLAGS),
  },
  plainBenchmark(
    "fail.sweep",
    "runs/s",
    "museum/06-prp-alloc-fails: every place of its requests fails once",
    () => measureFile("examples/museum/06-prp-alloc-fails.dma"),
  ),
  plainBenchmark(
    "race.orders",
    "runs/s",
    "processes/02-odp-race: every order of its tasks",
    () => measureFile("examples/processes/02-odp-race.dma"),
  ),
];
