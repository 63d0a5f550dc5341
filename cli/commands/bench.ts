import { command, flag, text, texts } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { readMatches } from "../read_matches.ts";
import { limitsOf } from "@dmalab/lang/values";
import { refuse } from "../print_error.ts";
import {
  FILTER,
  JOBS,
  LIMIT,
  MATCH_BENCHES,
  SCENARIOS,
  SEED,
  VERDICT,
} from "./scenario_options.ts";

export const BENCH = command({
  name: "bench",
  brief: "Run the benches of scenarios.",
  description:
    "Runs each bench of each file, a cell for each combination of its axes on a machine of its own, and " +
    "prints its tables: counts, exact, per loop iteration, and virtual time. Both depend on the file " +
    "and the seed alone. --host-time also measures how fast the lab runs, apart from these. A budget " +
    "that is exceeded, an `expect` that is not met, a checker report or an IOMMU fault that a bench " +
    "does not expect, and a leak of each iteration, fails it.",
  argument: SCENARIOS,
  options: {
    match: MATCH_BENCHES,
    filter: FILTER,
    seed: SEED,
    ...VERDICT,
    jobs: JOBS,
    figure: texts("NAME", "show this figure or event alone; repeatable"),
    "host-time": flag("also measure processor time: warmed, in random order, with its spread"),
    plot: text("FILE", "write an SVG of the figures that differ to FILE (.svg)"),
    save: text("FILE", "write all figures to FILE, for --against"),
    against: text("FILE", "say what differs from a saved FILE"),
    "junit-path": text("FILE", "also write a JUnit report to FILE"),
    json: flag(
      "one JSON object per bench (docs/bench.schema.json); what benches print goes to stderr",
    ),
    limit: LIMIT,
  },
  examples: [
    { line: "bench examples/bench/01-strict-over-lazy.dma", doc: "one file" },
    { line: "bench lab.dma --figure time --figure iotlb.sync", doc: "two figures of many" },
    { line: "bench lab.dma --filter size=64KiB", doc: "the cells of one value of an axis" },
    { line: "bench lab.dma --host-time --save before.json", doc: "before a change of the driver" },
    { line: "bench lab.dma --plot sizes.svg", doc: "the same as a picture" },
  ],
  may: { compiles: true, shares: true, files: ["--plot", "--save", "--junit-path"] },
  async run({ words, options, screen }) {
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { benchScenarios } = await import("../bench/run_benches.ts");
    const { jobCount } = await import("../jobs/job_count.ts");
    const paths = findScenarios(words, screen);
    if (paths === null) return WRONG;
    const match = await readMatches(options.match, options.filter);
    if (typeof match === "string") return refuse(match, screen);
    const { against, jobs, json, lenient, plot, save, seed } = options;
    const limits = limitsOf(options.limit);
    return benchScenarios(
      paths,
      {
        ...match,
        jobs: jobCount(jobs, limits.memoryBytes),
        figures: options.figure,
        hostTime: options["host-time"],
        junitPath: options["junit-path"],
        ...{ against, json, lenient, limits, plot, save, seed },
      },
      screen,
    );
  },
});
