/** How long a scenario of five lines takes from the shell's point of view. */
import { fromFileUrl } from "@std/path";
import { type Benchmark, median, rounded } from "./benchmark.ts";

const PROJECT = fromFileUrl(new URL("../../", import.meta.url));
const EMPTY = "cli/bench/empty.ts";
const SCENARIO = "benches/start.dma";

/** Pairs of runs that count. */
const ROUNDS = 15;
/** Pairs before those, to fill the caches of Deno and of the disk. */
const WARM_UPS = 2;

/** Wall time of one `deno run`, in milliseconds. @throws {Error} When the run fails. */
function timeRun(args: readonly string[]): number {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...args],
    cwd: PROJECT,
    stdout: "null",
    stderr: "piped",
  });
  const start = performance.now();
  const { success, stderr } = command.outputSync();
  const elapsed = performance.now() - start;
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return elapsed;
}

/** Times both files in turn, so that a change in the machine's load meets both. */
export function measureStart(rounds: number = ROUNDS): { scenarioMs: number; emptyMs: number } {
  const scenario: number[] = [];
  const empty: number[] = [];
  for (let round = -WARM_UPS; round < rounds; round++) {
    const emptyMs = timeRun([EMPTY]);
    const scenarioMs = timeRun(["-R=.", SCENARIO]);
    if (round < 0) continue;
    empty.push(emptyMs);
    scenario.push(scenarioMs);
  }
  return { scenarioMs: median(scenario), emptyMs: median(empty) };
}

export const START_COLD: Benchmark = {
  name: "start.cold",
  doc: "a scenario of five lines, from the shell, against an empty file",
  run() {
    const { scenarioMs, emptyMs } = measureStart();
    return {
      name: START_COLD.name,
      value: rounded(scenarioMs),
      unit: "ms",
      ratio: rounded(scenarioMs / emptyMs),
      to: "deno run of an empty file",
    };
  },
};
