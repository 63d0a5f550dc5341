/** Scenarios of the project as tests of `deno test`. */
import { join, relative } from "@std/path";
import { runScenarioSteps } from "../cli/testing/register_scenarios.ts";
import { stepOf } from "../cli/testing/test_runner.ts";
import { audited } from "../lang/testing/audited.ts";
import { filesBelow, ROOT } from "./source_text.ts";

export { ScenarioError } from "../cli/testing/register_scenarios.ts";

/** Every scenario below a folder of the project, from the root. */
export function scenariosBelow(folder: string): string[] {
  return filesBelow(join(ROOT, folder))
    .filter((path) => path.endsWith(".dma"))
    .map((path) => relative(ROOT, path).replaceAll("\\", "/"));
}

/** Scenarios that show what nobody expects. */
const SHOW_FINDINGS: readonly string[] = ["examples/start/05-leaks-and-strict.dma"];

/**
 * Runs a scenario: its statements, then each test, as steps. What nobody expects is no example; and
 * the machines look, while they run, whether all that they keep fits together.
 */
export async function runExample(t: Deno.TestContext, path: string): Promise<void> {
  const strict = !SHOW_FINDINGS.includes(path);
  await runScenarioSteps(stepOf(t), join(ROOT, path), { strict }, audited);
}
