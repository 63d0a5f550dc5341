/** Runs a script in tests of builtins, and tells how it ended. */
import { LoadError } from "../syntax/load_files.ts";
import { loadProgram } from "../language.ts";
import { runProgram } from "../run/run_program.ts";
import { SourceFile, spanPlace } from "../source.ts";

export interface ScriptEnd {
  /** Errors before the run, and failures of the run; empty when all went well. */
  readonly problems: readonly string[];
  /** What `print`, `show` and `explain` wrote. */
  readonly output: readonly string[];
}

/** Runs the top-level statements and the tests of a script that uses no other file. */
export function runScript(text: string): ScriptEnd {
  const source = new SourceFile("script.dma", text);
  const loader = { load: () => new LoadError("not_found", "no file can be used here") };
  const { program, diagnostics } = loadProgram(source, loader);
  if (program === null) {
    return {
      problems: diagnostics.map(({ code, span, message }) =>
        `${code} ${spanPlace(span)}: ${message}`
      ),
      output: [],
    };
  }
  const output: string[] = [];
  const report = runProgram(program, { onLine: (line) => output.push(line) });
  const problems = report.outcomes.flatMap(({ failure }) =>
    failure === null ? [] : [failure.lines.join("\n")]
  );
  return { problems, output };
}
