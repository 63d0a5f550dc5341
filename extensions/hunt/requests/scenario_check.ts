/** Runs the text of a scenario, as pasting it into a file and running it would. */
import { LoadError, type SourceLoader } from "@dmalab/lang/syntax";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { runProgram } from "@dmalab/lang/program";

/**
 * `held`: every test passed; `failed`: a test failed; `wrong`: the scenario does not load. `text`
 * has the reason; `incidents` the sentences of the failed test's faults, reports and leaks.
 */
export type ScenarioEnd =
  | { readonly end: "held" }
  | { readonly end: "failed"; readonly text: string; readonly incidents: readonly string[] }
  | { readonly end: "wrong"; readonly text: string };

const NO_FILES: SourceLoader = {
  load: (path) => new LoadError("not_found", `There is no file "${path}"`),
};

/** Runs a scenario and returns its outcome. @param loader Loads the files that it uses. */
export function runScenarioText(text: string, loader: SourceLoader = NO_FILES): ScenarioEnd {
  const { program, diagnostics } = loadProgram(new SourceFile("found.dma", text), loader);
  if (program === null) {
    return {
      end: "wrong",
      text: diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"),
    };
  }
  const { outcomes } = runProgram(program);
  const failed = outcomes.find(({ outcome }) => outcome !== "passed");
  if (failed === undefined) return { end: "held" };
  return {
    end: "failed",
    text: failed.failure?.lines.join("\n") ?? failed.outcome,
    incidents: failed.incidents.flatMap(({ resource, text }) =>
      resource === undefined ? [text] : [resource.text, ...resource.with]
    ),
  };
}
