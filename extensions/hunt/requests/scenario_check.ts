/** Runs the text of a scenario, as pasting it into a file and running it would. */
import { LoadError, type SourceLoader } from "@dmalab/lang/syntax";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { runProgram } from "@dmalab/lang/program";

/** `held`: every test passed; `failed`: one did not; `wrong`: it does not even load, and why. */
export type ScenarioEnd =
  | { readonly end: "held" }
  | { readonly end: "failed" | "wrong"; readonly text: string };

const NO_FILES: SourceLoader = {
  load: (path) => new LoadError("not_found", `There is no file "${path}"`),
};

/** What becomes of a scenario. @param loader Where the files that it uses come from. */
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
  return { end: "failed", text: failed.failure?.lines.join("\n") ?? failed.outcome };
}
