import { command } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { limitsOf } from "../scenario/limit_options.ts";
import { LIMITS, MATCH, SCENARIOS, SEED } from "./scenario_options.ts";

export const BENCH = command({
  name: "bench",
  brief: "Run the benches of scenarios.",
  description:
    "Runs each bench of each file on each machine of its matrix: how many events one turn " +
    "of the loop costs, how much virtual time, and how fast the simulation is. Counts and virtual " +
    "time depend on the file and the seed alone.",
  argument: SCENARIOS,
  options: {
    match: MATCH,
    seed: SEED,
    json: { kind: "flag", doc: "one JSON object a line" },
    ...LIMITS,
  },
  examples: [{ line: "bench benches/nvme_read.dma", doc: "one file" }],
  async run({ words, options, screen }) {
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { benchScenarios } = await import("../scenario/bench_scenarios.ts");
    const paths = findScenarios(words, screen);
    if (paths === null) return WRONG;
    return benchScenarios(
      paths,
      { ...options, limits: limitsOf((option) => options[option]) },
      screen,
    );
  },
});
