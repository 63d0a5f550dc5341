/** Loads a scenario from the host, and reports its errors. */
import { countMistakes, type Diagnostic, printable } from "@dmalab/lang/diagnostics";
import { checkProgram, loadProgram, type SourceFile } from "@dmalab/lang";
import type { LoadResult, Program } from "@dmalab/lang/run";
import { codeOfProblems, type ExitCode, WRONG } from "../exit_code.ts";
import { withCompiled } from "../with_compiled.ts";
import { HostLoader } from "../host_loader.ts";
import { printError } from "../print_error.ts";
import type { Screen } from "../screen.ts";
import { printDiagnostics } from "./diagnostic_style.ts";
import { openFile } from "./open_file.ts";
import { blocksOf, PAGE_SUFFIX } from "./page_blocks.ts";

export interface LoadedScenario {
  /** Null when there are errors. */
  readonly program: Program | null;
  readonly errors: number;
  readonly warnings: number;
  readonly exitCode: ExitCode;
}

/**
 * Opens a scenario.
 *
 * @param tree The kernel tree that `--tree` names.
 * @param compileMs Processor time for each driver in C, as `--limit time-seconds` says.
 * @returns The program with its diagnostics; or why the file cannot be read, as a sentence.
 */
export async function openScenario(
  path: string,
  tree: string | null = null,
  compileMs: number | null = null,
): Promise<LoadResult | { readonly problem: string }> {
  return await opened(path, tree, compileMs, loadProgram);
}

async function opened<T>(
  path: string,
  tree: string | null,
  compileMs: number | null,
  load: (entry: SourceFile, loader: HostLoader) => T,
): Promise<T | { readonly problem: string }> {
  if (path.endsWith(PAGE_SUFFIX)) {
    const page = printable(path);
    return {
      problem:
        `"${page}" is a Markdown page, not a scenario: \`dmalab run ${page}\` runs its blocks`,
    };
  }
  const file = await openFile(path, tree, compileMs);
  if (typeof file === "string") return { problem: file };
  const { entry, loader } = file;
  return await withCompiled(loader, () => load(entry, loader));
}

/** Opens a scenario without compiling: a scenario with a driver in C then has an error. */
export function readScenario(path: string): LoadResult | { readonly problem: string } {
  const opened = HostLoader.open(path);
  return typeof opened === "string"
    ? { problem: opened }
    : loadProgram(opened.entry, opened.loader);
}

/** The diagnostics of a scenario, or why it cannot be read, as a sentence. */
export async function checkScenario(
  path: string,
): Promise<readonly Diagnostic[] | { readonly problem: string }> {
  return await opened(path, null, null, checkProgram);
}

/** Loads a scenario; prints its errors and warnings on the error stream. */
export async function loadScenario(
  path: string,
  screen: Screen,
  tree: string | null = null,
  compileMs: number | null = null,
): Promise<LoadedScenario> {
  const opened = await openScenario(path, tree, compileMs);
  return "problem" in opened ? unreadable(opened.problem, screen) : said(opened, screen);
}

/**
 * Loads all scenarios in a file, like {@linkcode loadScenario}. A Markdown page has one scenario
 * for each of its blocks.
 */
export async function loadScenarios(
  path: string,
  screen: Screen,
  tree: string | null,
  compileMs: number | null,
): Promise<readonly LoadedScenario[]> {
  const opened = await openFile(path, tree, compileMs);
  if (typeof opened === "string") return [unreadable(opened, screen)];
  const { entry, loader } = opened;
  const entries = path.endsWith(PAGE_SUFFIX) ? blocksOf(entry) : [entry];
  if (typeof entries === "string") return [unreadable(entries, screen)];
  const loaded: LoadedScenario[] = [];
  for (const each of entries) {
    loaded.push(said(await withCompiled(loader, () => loadProgram(each, loader)), screen));
  }
  return loaded;
}

function unreadable(problem: string, screen: Screen): LoadedScenario {
  printError(problem, screen);
  return { program: null, errors: 1, warnings: 0, exitCode: WRONG };
}

function said({ diagnostics, program }: LoadResult, screen: Screen): LoadedScenario {
  printDiagnostics(diagnostics, screen);
  const errors = countMistakes(diagnostics, "error");
  const warnings = countMistakes(diagnostics, "warning");
  return { program, errors, warnings, exitCode: codeOfProblems(diagnostics) };
}
