/**
 * Loads scenarios with drivers in C. Starting the compiler takes seconds. Therefore it is started
 * once for all test files of a process that load their scenarios while they are imported.
 */
import { assert } from "@std/assert";
import { join } from "node:path";
import { keepCompiler, type WantingLoader } from "@dmalab/cli";
import { compileRequested } from "../compiler/compile_requested.ts";
import { compilerService } from "../compiler/compiler_service.ts";
import { TreeCompiler } from "../compiler/system_clang.ts";
import { loadTogether, type OpenedScenario, openPatched } from "../compiler/patched.ts";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import type { LoadResult, Program } from "@dmalab/lang/run";
import { ROOT } from "@dmalab/tests";

const waiting: WantingLoader[] = [];
let compiled: Promise<void> | null = null;

function compileSoon(loaders: readonly WantingLoader[]): Promise<void> {
  waiting.push(...loaders);
  // The timer expires only after the other files have been imported and their scenarios are in
  // `waiting`.
  compiled ??= new Promise((resolve) => setTimeout(resolve)).then(() => {
    compiled = null;
    return compileRequested(waiting.splice(0));
  });
  return compiled;
}

/** Loads scenarios. @returns Their programs and diagnostics, in the same order. */
export function loadOpened(opened: readonly OpenedScenario[]): Promise<readonly LoadResult[]> {
  return loadTogether(opened, compileSoon);
}

/** Loads files, by their paths from the root. */
export function loadFiles(paths: readonly string[]): Promise<readonly LoadResult[]> {
  return loadOpened(paths.flatMap((path) => openPatched(join(ROOT, path), [null])));
}

/** The program of a scenario that must have no errors. */
export function programOf({ diagnostics, program }: LoadResult): Program {
  assert(program !== null, renderDiagnostics(diagnostics));
  return program;
}

/**
 * Runs the steps of a test with one compiler process, which is kept between the steps as the
 * command keeps it between files.
 */
export async function withKeptCompiler(
  t: Deno.TestContext,
  steps: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  keepCompiler();
  try {
    for (const [name, fn] of Object.entries(steps)) {
      // The process stays open after a step. At the end, the test checks that nothing is open.
      await t.step({ name, fn, sanitizeOps: false, sanitizeResources: false });
    }
  } finally {
    keepCompiler(false);
    await compilerService.close();
    await new TreeCompiler().close();
  }
}
