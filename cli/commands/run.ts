import { command, type OptionsOf, type OptionSpec, text } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { readBranchOption } from "../read_branch.ts";
import { readMatches } from "../read_matches.ts";
import { limitsOf } from "@dmalab/lang/values";
import type { ScenarioOptions } from "../scenario/run_scenarios.ts";
import { refuse } from "../print_error.ts";
import {
  BRANCH,
  LIMIT,
  MATCH,
  SCENARIOS,
  SEED,
  TRACE_FORM,
  TREE_FOLDER,
  VERDICT,
} from "./scenario_options.ts";

export const RUN_OPTIONS = {
  trace: TRACE_FORM,
  export: text(
    "FILE",
    "write every event: .dmatrace.jsonl (docs/trace-files.md), or .json for Perfetto",
  ),
  picture: text("FILE", "write the drawings of all `show` statements to FILE (.svg)"),
  ...VERDICT,
  match: MATCH,
  seed: SEED,
  branch: BRANCH,
  tree: TREE_FOLDER,
  limit: LIMIT,
} as const satisfies Readonly<Record<string, OptionSpec>>;

/**
 * The settings of a run, from the options. If an option is wrong, the problem as a sentence without
 * its full stop.
 */
export async function readRunOptions(
  {
    branch,
    export: exportPath,
    lenient,
    limit,
    match,
    picture: picturePath,
    seed,
    trace,
    tree,
  }: OptionsOf<typeof RUN_OPTIONS>,
): Promise<ScenarioOptions | string> {
  const matches = await readMatches(match);
  if (typeof matches === "string") return matches;
  const chosen = await readBranchOption(branch);
  if (typeof chosen === "string") return chosen;
  return {
    ...chosen,
    only: "all",
    trace,
    exportPath,
    picturePath,
    lenient,
    ...matches,
    seed,
    tree,
    limits: limitsOf(limit),
  };
}

export const RUN = command({
  name: "run",
  brief: "Run scenarios: their statements, then their tests.",
  description:
    "Runs each file's top-level statements, then its tests; prints their output, one result line " +
    "per test, and a summary. A checker report, an IOMMU fault or a leak that nothing expects fails " +
    "(docs/what-fails-a-test.md). Each `dma` block of a Markdown page runs as a file of its own. Exit " +
    "codes: 0 success; 1 a test or an assertion failed; 2 a file has errors; 3 a limit was exceeded.",
  argument: SCENARIOS,
  options: RUN_OPTIONS,
  examples: [
    { line: "run examples/start/02-hello-map.dma", doc: "one scenario" },
    { line: "run examples/start/02-hello-map.dma --trace", doc: "and print every event" },
    {
      line: "run examples/api/01-two-step-basic.dma --export trace.json",
      doc: "write a file that Perfetto opens",
    },
    {
      line: "run examples/nvme/01-prp-edges.dma --picture prp.svg",
      doc: "and draw what it shows, for a slide or a page",
    },
    { line: "run examples", doc: "every scenario in a folder" },
  ],
  may: { compiles: true, files: ["--export", "--picture"] },
  async run({ words, options, screen }) {
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { runScenarios } = await import("../scenario/run_scenarios.ts");
    const paths = findScenarios(words, screen);
    if (paths === null) return WRONG;
    const asked = await readRunOptions(options);
    if (typeof asked === "string") return refuse(asked, screen);
    return await runScenarios(paths, asked, screen);
  },
});
