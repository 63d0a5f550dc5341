/** `dmalab check`: everything that is wrong with files, at once. */
import { BUG_CODE, countMistakes, type Diagnostic, printableJson } from "@dmalab/lang/diagnostics";
import { codeOfProblems, type ExitCode, worseExitCode, WRONG } from "../exit_code.ts";
import { sayDiagnostics } from "../scenario/diagnostic_style.ts";
import { sayBug } from "../bug/say_bug.ts";
import { checkScenario } from "../scenario/load_scenario.ts";
import { counted } from "../scenario/report_printer.ts";
import type { Screen } from "../screen.ts";
import { problemOf } from "./problem.ts";
import { sarifLog } from "./sarif.ts";

export type CheckFormat = "pretty" | "json" | "sarif";

interface Findings {
  /** Each once, however many files use the file it is in. */
  readonly diagnostics: readonly Diagnostic[];
  /** Files that could not be read, as sentences. */
  readonly unreadable: readonly string[];
  /** The first file with which dmalab itself goes wrong; null when there is none. */
  readonly withBug: string | null;
}

/** Reads files with what they use, and writes all that is wrong with them. */
export async function checkFiles(
  paths: readonly string[],
  format: CheckFormat,
  screen: Screen,
): Promise<ExitCode> {
  const { diagnostics, unreadable, withBug } = await findProblems(paths);
  const problems = diagnostics.map(problemOf);
  const errors = countMistakes(diagnostics, "error") + unreadable.length;
  const warnings = countMistakes(diagnostics, "warning");
  switch (format) {
    case "pretty":
      for (const problem of unreadable) screen.err(`error: ${problem}\n`);
      sayDiagnostics(diagnostics, screen);
      screen.out(
        `${errors === 0 ? "ok" : "wrong"} | ${counted(paths.length, "file")} | ` +
          `${counted(errors, "error")} | ${counted(warnings, "warning")}\n`,
      );
      break;
    case "json":
      screen.out(
        `${printableJson({ files: paths.length, errors, problems, unreadable })}\n`,
      );
      break;
    case "sarif":
      screen.out(`${printableJson(sarifLog(problems, unreadable))}\n`);
      break;
  }
  if (withBug !== null) await sayBug(withBug, null, screen);
  return unreadable.length > 0
    ? worseExitCode(WRONG, codeOfProblems(diagnostics))
    : codeOfProblems(diagnostics);
}

async function findProblems(paths: readonly string[]): Promise<Findings> {
  const diagnostics = new Map<string, Diagnostic>();
  const unreadable: string[] = [];
  let withBug: string | null = null;
  for (const path of paths) {
    const found = await checkScenario(path);
    if ("problem" in found) {
      unreadable.push(found.problem);
      continue;
    }
    for (const diagnostic of found) {
      const { code, span, message } = diagnostic;
      if (code === BUG_CODE) withBug ??= path;
      diagnostics.set(`${span.source.name}:${span.start}:${code}:${message}`, diagnostic);
    }
  }
  return { diagnostics: [...diagnostics.values()], unreadable, withBug };
}
