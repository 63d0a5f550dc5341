// Not `test.ts`: `deno test` would take that for a module of tests.
import { command } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { LIMITS, limitsOf, MATCH, SCENARIOS, SEED, TRACE } from "./scenario_options.ts";

export const TEST = command({
  name: "test",
  brief: "Run only the tests of scenarios.",
  description: "Runs the tests and properties of each file, not the statements at its top. " +
    "Finding no test is a failure.",
  argument: SCENARIOS,
  options: { trace: TRACE, match: MATCH, seed: SEED, ...LIMITS },
  examples: [
    { line: "test examples", doc: "all tests of a folder" },
    { line: 'test lab.dma --match "unmap" --seed 0x1', doc: "what a failure's last line says" },
  ],
  async run({ words, options, screen }) {
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { runScenarios } = await import("../scenario/run_scenarios.ts");
    const paths = findScenarios(words, screen);
    if (paths === null) return WRONG;
    const { trace, match, seed } = options;
    const limits = limitsOf(options);
    return runScenarios(paths, { only: "tests", trace, match, seed, limits }, screen);
  },
});
