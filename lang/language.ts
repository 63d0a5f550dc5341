/**
 * The language with everything that dmalab can do: the builtins meet the runner here, and nowhere
 * below.
 */
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { BUILTINS } from "./builtins/mod.ts";
import { buildConfigOn, type GivenRelease } from "./machine/build_config.ts";
import {
  checkProgram as checkProgramWith,
  loadProgram as loadProgramWith,
  type LoadResult,
} from "./run/program.ts";
import type { SourceFile } from "./source.ts";
import type { SourceLoader } from "./syntax/load_files.ts";

/**
 * Loads and checks a program.
 *
 * @param entry The file that would be run.
 * @param loader Where the files it uses come from.
 * @returns Errors and warnings, by file and place.
 */
export function checkProgram(entry: SourceFile, loader: SourceLoader): readonly Diagnostic[] {
  return checkProgramWith(entry, loader, BUILTINS);
}

/**
 * Loads a program as it is on another release, or on one that is changed in one thing.
 *
 * What a test says of `kernel` itself holds; what the machine block says of it does not.
 */
export function loadProgramOn(
  release: GivenRelease,
  entry: SourceFile,
  loader: SourceLoader,
): LoadResult {
  return loadProgramWith(entry, loader, {
    ...BUILTINS,
    buildConfig: (...parts) => buildConfigOn(release, ...parts),
  });
}

/**
 * Loads, checks and compiles a program.
 *
 * @param entry The file that is run.
 * @param loader Where the files it uses come from.
 */
export function loadProgram(entry: SourceFile, loader: SourceLoader): LoadResult {
  return loadProgramWith(entry, loader, BUILTINS);
}
