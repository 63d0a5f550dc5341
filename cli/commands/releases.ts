import { KERNEL_NAMES } from "../../runtime/kernels/kernels.ts";
import { command } from "../command.ts";
import { LIMITS, MATCH } from "./scenario_options.ts";

export const RELEASES = command({
  name: "releases",
  brief: "Say at which release a scenario's outcome turns, and by what.",
  description:
    `Runs a scenario on every release (${KERNEL_NAMES.join(", ")}), whatever its machine block ` +
    "names. Where a test ends differently on two neighbours, each defect and each way of working " +
    "that they differ in is given to one of them alone, until the other's outcome comes out: that " +
    "is what the test is about. A test that names its release itself stays on it. Exit code 0: it " +
    "was run; 2: it cannot be read, or is no scenario on one of the releases.",
  argument: { placeholder: "FILE", doc: "a scenario", completes: "scenarios", count: "one" },
  options: { match: MATCH, json: { kind: "flag", doc: "everything as JSON" }, ...LIMITS },
  examples: [
    { line: "releases examples/museum/11-gap-bit.dma", doc: "came with 7.2.6, and went with 7.2" },
    { line: "releases lab.dma --match unwind", doc: "only some of its tests" },
  ],
  async run({ words, options, screen }) {
    const { runReleases } = await import("../releases/run_releases.ts");
    return runReleases(words[0]!, options, screen);
  },
});
