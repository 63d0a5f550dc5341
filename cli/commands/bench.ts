import { command } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { readMatches } from "../read_matches.ts";
import { limitsOf } from "../scenario/limit_options.ts";
import { refuse } from "../screen.ts";
import { JOBS, LIMITS, MATCH_BENCHES, SCENARIOS, SEED, VERDICT } from "./scenario_options.ts";

export const BENCH = command({
  name: "bench",
  brief: "Run the benches of scenarios.",
  description:
    "Runs each bench of each file on each machine of its matrix and prints a table for each file: " +
    "virtual time and event counts per loop iteration, then the speed of the simulation on this " +
    "host. Counts and virtual time are deterministic for a given file and seed. A checker report or " +
    "an IOMMU fault that a bench does not expect, and a leak of each iteration, fails it.",
  argument: SCENARIOS,
  options: {
    match: MATCH_BENCHES,
    seed: SEED,
    ...VERDICT,
    jobs: { ...JOBS, doc: "workers (default: 1); host times are less accurate with more than one" },
    json: { kind: "flag", doc: "one JSON object per line; what benches print goes to stderr" },
    ...LIMITS,
  },
  examples: [{ line: "bench tools/bench/scenarios/nvme_read.dma", doc: "one file" }],
  may: { compiles: true },
  async run({ words, options, screen }) {
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { benchScenarios } = await import("../scenario/bench_scenarios.ts");
    const paths = findScenarios(words, screen);
    if (paths === null) return WRONG;
    const match = await readMatches(options.match);
    if (typeof match === "string") return refuse(match, screen);
    const { jobs, json, lenient, seed } = options;
    const limits = limitsOf((option) => options[option]);
    return benchScenarios(
      paths,
      { ...match, jobs: jobs ?? 1, json, lenient, seed, limits },
      screen,
    );
  },
});
