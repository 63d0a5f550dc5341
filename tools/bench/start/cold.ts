/**
 * Time of a scenario of five lines, measured by the shell that starts it.
 *
 * `start.cold` is what users run: one bundle, the package that npm installs into a folder of `dmalab
 * init`. `start.checkout` is the same scenario in this project, which loads some three hundred sources.
 */
import { TempFolder } from "../../temp_folder.ts";
import { join } from "node:path";
import { initFolder } from "@dmalab/cli/scenario";
import { buildPackage } from "../../package/build_package.ts";
import type { Benchmark } from "../benchmark.ts";
import type { BenchResult } from "@dmalab/cli/bench";
import { PROJECT } from "../../project.ts";
import { runDeno } from "../child.ts";
import { measureStart, timed } from "./pairs.ts";

const EMPTY = join(PROJECT, "tools/bench/start/empty.ts");
const SCENARIO = "tools/bench/scenarios/start.dma";

/**
 * Measures the start of a scenario in a folder, and compares it with the start of an empty file
 * there.
 */
function measureScenario(name: string, folder: string, scenario: string): Promise<BenchResult> {
  return measureStart(
    name,
    () => timed(() => runDeno(["-R=.", scenario], folder)),
    () => timed(() => runDeno([EMPTY], folder)),
    "deno run of an empty file",
  );
}

export const START_COLD: Benchmark = {
  name: "start.cold",
  doc: "a scenario of five lines with dmalab as a package, against an empty file",
  async run() {
    using folder = new TempFolder();
    const made = initFolder(folder.path);
    if (!made.done) throw new Error(made.problem);
    // Built without types, which no benchmark reads.
    const problem = buildPackage(folder.at("node_modules/dmalab"), false);
    if (problem !== null) throw new Error(problem);
    Deno.copyFileSync(join(PROJECT, SCENARIO), folder.at("start.dma"));
    return await measureScenario(START_COLD.name, folder.path, "start.dma");
  },
};

export const START_CHECKOUT: Benchmark = {
  name: "start.checkout",
  doc: "the same in this project, from its sources",
  run: () => measureScenario(START_CHECKOUT.name, PROJECT, SCENARIO),
};
