import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { command, flag } from "../command.ts";
import { LIMIT, MATCH, SCENARIOS } from "./scenario_options.ts";

export const RELEASES = command({
  name: "releases",
  brief: "Bisect a scenario over kernel releases and name the change.",
  description:
    `Runs a scenario on every modelled release (${KERNEL_NAMES.join(", ")}), in place of its ` +
    "machine block's. Where a test's outcome differs between two adjacent releases, toggles each defect " +
    "and each older way that differs between them one at a time, and reports those that reproduce the " +
    "other outcome as the cause. A test that names its own release stays on it. Exit codes: 0 the " +
    "scenario ran; 2 it has errors on one of the releases.",
  argument: { ...SCENARIOS, doc: "a scenario", count: "one" },
  options: { match: MATCH, json: flag("print everything as JSON"), limit: LIMIT },
  examples: [
    {
      line: "releases examples/museum/11-gap-bit.dma",
      doc: "reproduces on 7.2.6, not on 6.12.117 or 7.2.12",
    },
    { line: "releases lab.dma --match unwind", doc: "only some of its tests" },
  ],
  may: { compiles: true },
  async run({ words, options, screen }) {
    const { runReleases } = await import("../releases/run_releases.ts");
    return runReleases(words[0]!, options, screen);
  },
});
