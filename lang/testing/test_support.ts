/** Shared by tests of the language: scripts from strings, and their outcomes. */
import { audited } from "./audited.ts";
import { BUILTINS } from "../builtins/mod.ts";
import type { Registry } from "../values/registry.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { SourceFile } from "../source.ts";
import { memoryFiles } from "../syntax/load_files.ts";
import { loadProgram, type LoadResult, type Program } from "../run/program.ts";
import type { RunReport, TestOutcome } from "../run/report.ts";
import type { RunOptions } from "../run/run_options.ts";
import { runProgram } from "../run/run_program.ts";

export { memoryFiles as memoryLoader } from "../syntax/load_files.ts";

/** Loads a script, with other files that it may use. */
export function load(
  text: string,
  files: Readonly<Record<string, string>> = {},
  registry: Registry = BUILTINS,
): LoadResult {
  return loadProgram(new SourceFile("t.dma", text), memoryFiles(files), registry);
}

/** Loads a script that must have no errors. */
export function program(
  text: string,
  files: Readonly<Record<string, string>> = {},
  registry: Registry = BUILTINS,
): Program {
  const loaded = load(text, files, registry);
  if (loaded.program === null) throw new Error(diagnosticLines(loaded.diagnostics).join("\n"));
  return loaded.program;
}

/** `E0301 2:5 message` of each diagnostic. */
export function diagnosticLines(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ code, message, span }) => {
    const { column, line } = span.source.position(span.start);
    return `${code} ${line}:${column} ${message}`;
  });
}

/** The errors of a script as `E0301 2:5 message`; warnings are left out. */
export function errorsOf(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  const { diagnostics } = load(text, files);
  return diagnosticLines(diagnostics.filter(({ severity }) => severity === "error"));
}

/** The codes of all diagnostics of a script, warnings too. */
export function codesOf(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  return load(text, files).diagnostics.map(({ code }) => code);
}

export interface Ran {
  readonly report: RunReport;
  readonly lines: readonly string[];
}

export function run(
  text: string,
  options: RunOptions = {},
  files: Readonly<Record<string, string>> = {},
  registry: Registry = BUILTINS,
): Ran {
  const lines: string[] = [];
  const report = runProgram(audited(program(text, files, registry)), {
    ...options,
    onLine: (line) => lines.push(line),
  });
  return { report, lines };
}

/** Number of machines that a run of a script builds. */
export function machinesOf(text: string): number {
  let machines = 0;
  const counting: Registry = {
    ...BUILTINS,
    buildMachine: (config, options) => {
      machines++;
      return BUILTINS.buildMachine(config, options);
    },
  };
  runProgram(program(text, {}, counting));
  return machines;
}

/** The output of a script's top-level statements; they must not fail. */
export function printed(text: string, registry: Registry = BUILTINS): readonly string[] {
  const { lines, report } = run(text, {}, {}, registry);
  for (const { failure } of report.outcomes) {
    if (failure !== null) throw new Error(failure.lines.join("\n"));
  }
  return lines;
}

export function onlyOutcome(text: string, options: RunOptions = {}): TestOutcome {
  const { outcomes } = run(text, options).report;
  if (outcomes.length !== 1) throw new Error(`${outcomes.length} outcomes instead of one`);
  return outcomes[0]!;
}

/** `E0901 message` of the failure of a script's only outcome; null when it passed. */
export function failureOf(text: string, options: RunOptions = {}): string | null {
  const { failure } = onlyOutcome(text, options);
  return failure === null ? null : `${failure.code} ${failure.message}`;
}
