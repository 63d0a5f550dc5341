/** Loads and checks programs with dmalab's own devices and builtins, without additions. */
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { PLAIN, type TextOptions } from "./laboratory.ts";
import { configBuilder, type GivenRelease } from "./machine/build_config.ts";
import { MACHINE_SCHEMA } from "./machine/schema.ts";
import type { FileVersions } from "./run/file_versions.ts";
import {
  loadProgram as loadProgramWith,
  type LoadResult,
  understandProgram as understandProgramWith,
  type UnderstoodProgram,
} from "./run/program.ts";
import type { SourceFile } from "./source.ts";
import type { SourceLoader } from "./syntax/load_files.ts";

/**
 * Loads and checks a program.
 *
 * @param entry The file to check.
 * @param loader Loads the files that the entry uses.
 * @returns Errors and warnings, by file and place.
 */
export function checkProgram(entry: SourceFile, loader: SourceLoader): readonly Diagnostic[] {
  return PLAIN.checkProgram(entry, loader);
}

/**
 * Reads a program in spite of mistakes, and finds the names and kinds of the parts that it can
 * read.
 */
export function understandProgram(
  entry: SourceFile,
  loader: SourceLoader,
  versions: FileVersions | null = null,
): UnderstoodProgram {
  return understandProgramWith(entry, loader, PLAIN.builtins, versions);
}

/**
 * Loads a program for another release than the one in its machine block, or for a release with a
 * single changed row in its profile.
 *
 * The `kernel` of a test takes precedence over that release; the `kernel` of the machine block does
 * not.
 */
export function loadProgramOn(
  release: GivenRelease,
  entry: SourceFile,
  loader: SourceLoader,
): LoadResult {
  return loadProgramWith(entry, loader, {
    ...PLAIN.builtins,
    buildConfig: configBuilder(MACHINE_SCHEMA, release),
  });
}

/**
 * Loads, checks and compiles a scenario that is passed as a text.
 *
 * @example
 * ```ts
 * import { loadText } from "./language.ts";
 *
 * const { program, diagnostics } = loadText("assert 2 * 4KiB == 8KiB");
 * if (program === null || diagnostics.length > 0) throw new Error("It is right");
 * ```
 */
export function loadText(text: string, options: TextOptions = {}): LoadResult {
  return PLAIN.loadText(text, options);
}

/**
 * Loads, checks and compiles a program.
 *
 * @param entry The file that is run.
 * @param loader Loads the files that the entry uses.
 */
export function loadProgram(entry: SourceFile, loader: SourceLoader): LoadResult {
  return PLAIN.loadProgram(entry, loader);
}

/**
 * Loads a program for runs that are recorded and followed statement by statement.
 *
 * @param entry The file that is run.
 * @param loader Loads the files that the entry uses.
 */
export function loadForDebugging(entry: SourceFile, loader: SourceLoader): LoadResult {
  return PLAIN.loadForDebugging(entry, loader);
}
