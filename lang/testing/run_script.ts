/** Runs a script in tests of builtins, and returns the outcome. */
import { loadProgram } from "../language.ts";
import { SourceFile, spanPlace } from "../source.ts";
import type { RunOptions } from "../run/run_options.ts";
import { runProgram } from "../run/run_program.ts";
import { audited } from "./audited.ts";
import { memoryLoader } from "./test_support.ts";

export interface ScriptEnd {
  /** Errors before the run, and failures of the run; empty if there were none. */
  readonly problems: readonly string[];
  /** What `print`, `show` and `explain` wrote. */
  readonly output: readonly string[];
}

/**
 * Runs the top-level statements and the tests of a script. It does not search for the known defects
 * that cause a failure, because `defect_attribution_test.ts` tests that.
 *
 * @param files The files that the script may use or read.
 */
export function runScript(
  text: string,
  files: Readonly<Record<string, string>> = {},
  options: Pick<RunOptions, "lenient" | "onShown"> = {},
): ScriptEnd {
  const { diagnostics, program } = loadProgram(
    new SourceFile("script.dma", text),
    memoryLoader(files),
  );
  const output: string[] = [];
  if (program === null) {
    const problems = diagnostics.map((one) => `${one.code} ${spanPlace(one.span)}: ${one.message}`);
    return { problems, output };
  }
  const { outcomes } = runProgram(audited(program), {
    attributeDefects: false,
    onLine: (line) => output.push(line),
    ...options,
  });
  return { problems: outcomes.flatMap(({ failure }) => failure?.lines.join("\n") ?? []), output };
}
