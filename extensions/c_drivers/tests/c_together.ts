/**
 * Loading scenarios with drivers in C. The start of the compiler takes seconds, so it is started
 * once for all files of tests in a process that load their scenarios while they are imported.
 */
import { assert } from "@std/assert";
import { join } from "node:path";
import type { WantingLoader } from "@dmalab/cli";
import { compileRequested } from "../compiler/compile_requested.ts";
import { loadTogether, type OpenedScenario, openPatched } from "../compiler/patched.ts";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import type { LoadResult, Program } from "@dmalab/lang/run";
import { ROOT } from "@dmalab/tests";

const waiting: WantingLoader[] = [];
let compiled: Promise<void> | null = null;

function compileSoon(loaders: readonly WantingLoader[]): Promise<void> {
  waiting.push(...loaders);
  // The other files are imported before a timer ends.
  compiled ??= new Promise((resolve) => setTimeout(resolve)).then(() => {
    compiled = null;
    return compileRequested(waiting.splice(0));
  });
  return compiled;
}

/** The programs of scenarios, in their order, with what is wrong with them. */
export function loadOpened(opened: readonly OpenedScenario[]): Promise<readonly LoadResult[]> {
  return loadTogether(opened, compileSoon);
}

/** The same of files, by their paths from the root. */
export function loadFiles(paths: readonly string[]): Promise<readonly LoadResult[]> {
  return loadOpened(paths.flatMap((path) => openPatched(join(ROOT, path), [null])));
}

/** The program of a scenario without errors. */
export function programOf({ diagnostics, program }: LoadResult): Program {
  assert(program !== null, renderDiagnostics(diagnostics));
  return program;
}
