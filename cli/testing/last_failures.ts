/**
 * The tests that failed in their last run: the file `.dmalab/failed` of the current folder, with a
 * line for each test.
 *
 * The file is written only if Deno was started with `-W`.
 */
import { printable, printableJson } from "@dmalab/lang/diagnostics";
import { displayName, type RunReport } from "@dmalab/lang/run";
import { host } from "../host.ts";
import { currentFolder } from "../host_file.ts";
import { resolve, shortPath } from "../paths.ts";
import { FAILED_TESTS, readStateLines, writeOwnLines } from "../state_folder.ts";

/** The path of a test's file, relative to the current folder, and the test's name. */
export type FailedTest = readonly [path: string, name: string];

/** A file without errors, with the report on it. */
export interface FileResult {
  readonly path: string;
  readonly report: RunReport;
}

/** One path for all ways to name a file: `a.dma`, `./a.dma`, `/home/me/a.dma`. */
export function recordedPath(path: string): string {
  const folder = currentFolder();
  return folder === "" ? path : shortPath(resolve(folder, path), folder);
}

/**
 * The failures to store after a run. Entries of tests that ran are replaced. Other entries stay: those
 * of files with errors, of tests that were left out, and of files that were not named. A run of all
 * tests of a file replaces all entries of that file. Entries of files that do not exist are removed.
 */
export function failuresAfter(
  before: readonly FailedTest[],
  results: readonly FileResult[],
  how: { readonly failed: readonly FailedTest[] | null; readonly branch?: string | null },
): readonly FailedTest[] {
  const stay = before.filter(([path, name]) => {
    const result = results.find((each) => recordedPath(each.path) === path);
    if (result === undefined) return how.failed !== null || !isGone(path);
    const { counts, outcomes } = result.report;
    // A test stays recorded if only one of its branches was run.
    if ((how.branch ?? null) !== null) return true;
    const isWhole = how.failed === null && counts.filtered + counts.notRun === 0;
    return !isWhole && !outcomes.some((outcome) => displayName(outcome) === name);
  });
  const failed = results.flatMap(({ path, report }) =>
    report.outcomes.filter(({ failure }) => failure !== null)
      .map((outcome): FailedTest => [recordedPath(path), displayName(outcome)])
  );
  const isNew = ([path, name]: FailedTest) =>
    !stay.some(([file, known]) => file === path && known === name);
  return [...stay, ...failed.filter(isNew)];
}

/**
 * Lines that list the failures that could not be repeated: no file has the test any more, or the file is not
 * among the named files.
 */
export function notRepeated(
  failed: readonly FailedTest[],
  paths: readonly string[],
  results: readonly FileResult[],
): { readonly gone: readonly string[]; readonly elsewhere: readonly string[] } {
  const [gone, elsewhere]: [string[], string[]] = [[], []];
  for (const [path, name] of failed) {
    const [file, test] = [printable(path), printable(name)];
    if (!paths.some((each) => recordedPath(each) === path)) {
      if (isGone(path)) {
        gone.push(`there is no file ${file}; its test "${test}" failed when it last ran`);
      } else elsewhere.push(`${file}: "${test}"`);
      continue;
    }
    const result = results.find((each) => recordedPath(each.path) === path);
    if (result?.report.names.includes(name) === false) {
      gone.push(`${file} has no test "${test}"; it failed when it last ran`);
    }
  }
  return { gone, elsewhere };
}

/** Whether a file does not exist; false also if dmalab may not access it. */
function isGone(path: string): boolean {
  try {
    host.statSync(path);
    return false;
  } catch (error) {
    return error instanceof host.errors.NotFound;
  }
}

/** The recorded failures; null without a record. */
export function readFailedTests(): readonly FailedTest[] | null {
  return readStateLines(FAILED_TESTS)?.flatMap((line) => readLine(line)) ?? null;
}

/** Reads a line of the record. A wrong line, for example after an edit by hand, is ignored. */
function readLine(line: string): readonly FailedTest[] {
  try {
    const read: unknown = JSON.parse(line);
    if (!Array.isArray(read)) return [];
    const [path, name] = read as unknown[];
    return typeof path === "string" && typeof name === "string" ? [[recordedPath(path), name]] : [];
  } catch {
    return [];
  }
}

export function writeFailedTests(tests: readonly FailedTest[]): void {
  writeOwnLines(FAILED_TESTS, tests.map((test) => printableJson(test, 0)));
}

/** The recorded failures of some files, or of all. @param paths Null for all. */
export function failuresOf(paths: readonly string[] | null): readonly FailedTest[] | "no record" {
  const all = readFailedTests();
  if (all === null) return "no record";
  const files = paths?.map(recordedPath);
  return all.filter(([path]) => files === undefined || files.includes(path));
}
