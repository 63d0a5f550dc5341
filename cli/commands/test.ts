import { command } from "../command.ts";
import { MATCH, SCENARIOS, SEED, TRACE } from "./scenario_options.ts";

export const TEST = command({
  name: "test",
  brief: "Run only the tests of scenarios.",
  description: "Runs the tests and properties of each file, not the statements at its top. " +
    "Finding no test is a failure.",
  argument: SCENARIOS,
  options: { trace: TRACE, match: MATCH, seed: SEED },
  examples: [
    { line: "test examples", doc: "all tests of a folder" },
    { line: 'test lab.dma --match "unmap" --seed 0x1', doc: "what a failure's last line says" },
  ],
  async run({ words, options, screen }) {
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { runScenarios } = await import("../scenario/run_scenarios.ts");
    return runScenarios(findScenarios(words), { only: "tests", ...options }, screen);
  },
});
