/** The cost of a driver in C: a call from the script, a mapping call from C, and a start. */
import "@dmalab/bin/provide";
import { buildLab } from "@dmalab/devices";
import { DMA_TO_DEVICE, type DmaDevice } from "@dmalab/runtime/dma";
import type { Machine } from "@dmalab/runtime";
import { type Program, TestMachine } from "@dmalab/lang/run";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { openScenario } from "@dmalab/cli/scenario";
import { type Benchmark, benchResult } from "./benchmark.ts";
import { medianOf } from "@dmalab/cli/bench";
import { runDeno } from "./child.ts";
import { medianStarts, timed } from "./start/pairs.ts";

const FILE = "tools/bench/scenarios/c_calls.dma";
/** The number of turns in `FILE`. */
const TURNS = 100_000;
const PAGE_BYTES = 4096;

const ROUNDS = 5;
const WARM_UPS = 2;

/** The program of the scenario, with the driver compiled. */
export async function loadCalls(): Promise<Program> {
  const opened = await openScenario(FILE);
  if ("problem" in opened || opened.program === null) throw new Error(`${FILE} cannot be loaded`);
  return opened.program;
}

/** Nanoseconds of one test of the file, on a machine that records no events. */
function timeTest(program: Program, name: string): number {
  const test = program.tests.find((each) => each.name === name)!;
  const output = { write: () => {} };
  const options = { record: false, limits: DEFAULT_LIMITS, output };
  const machine = new TestMachine(program, test.config, options);
  const start = performance.now();
  const failure = machine.failure ?? machine.vm.run(test.functionIndex);
  if (failure !== null) throw new Error(failure.diagnostic.message);
  return (performance.now() - start) * 1e6;
}

/** Nanoseconds of the same maps and unmaps without C. */
function timeMaps(machine: Machine, dev: DmaDevice): number {
  const [phys] = machine.pages.alloc(1, { contiguous: true })!;
  const start = performance.now();
  for (let turn = 0; turn < TURNS; turn++) {
    const dma = machine.dma.dmaMapSingle(dev, phys!, PAGE_BYTES, DMA_TO_DEVICE);
    machine.dma.dmaMappingError(dev, dma);
    machine.dma.dmaUnmapSingle(dev, dma, PAGE_BYTES, DMA_TO_DEVICE);
  }
  return (performance.now() - start) * 1e6;
}

const CALLS: Benchmark = {
  name: "c.call",
  doc: "a call from a script into C and back, warm",
  async run() {
    const program = await loadCalls();
    const calls = medianOf(ROUNDS, WARM_UPS, () => timeTest(program, "calls"));
    const none = medianOf(ROUNDS, WARM_UPS, () => timeTest(program, "no calls"));
    return benchResult("c.call", (calls - none) / TURNS, "ns", calls / none, "an addition");
  },
};

const MAPS: Benchmark = {
  name: "c.map",
  doc: "map, test and unmap from C, beyond what the same three calls take from TypeScript",
  async run() {
    const program = await loadCalls();
    const lab = buildLab({ ...program.machine.config });
    const device = lab.devices.get("nic")!;
    const fromC = medianOf(ROUNDS, WARM_UPS, () => timeTest(program, "mappings")) / TURNS;
    const here = medianOf(ROUNDS, WARM_UPS, () => timeMaps(lab.machine, device.dma)) / TURNS;
    const to = "the same from TypeScript";
    return benchResult("c.map", (fromC - here) / 3, "ns a call more", fromC / here, to);
  },
};

const STARTED: Benchmark = {
  name: "c.start",
  doc: "the second start of a scenario with a driver in C, beyond one without",
  async run() {
    await loadCalls();
    const permissions = ["-R", "-W", "--allow-env=XDG_CACHE_HOME,HOME", "--allow-run"];
    const time = (...words: readonly string[]) =>
      timed(() => runDeno([...permissions, "bin/main.ts", "test", ...words]));
    const [withC, without] = await medianStarts(
      () => time(FILE, "--match", "start"),
      () => time("tools/bench/scenarios/start.dma"),
    );
    const to = "a scenario without C";
    return benchResult("c.start", withC - without, "ms more", withC / without, to);
  },
};

export const C_DRIVERS: readonly Benchmark[] = [CALLS, MAPS, STARTED];
