/**
 * Which tests failed in the last run: `.dmalab/failed` of the current folder, a line for each.
 *
 * Only where Deno was started with `-W`: a run without it leaves no trace.
 */
import { printableJson } from "@dmalab/lang/diagnostics";
import { FAILED_TESTS, readStateLines, writeOwnLines } from "../state_folder.ts";

/** A test's file, as it was named, and its name. */
export type FailedTest = readonly [path: string, name: string];

/** Those of the last run; null when nothing is known of one. */
export function readFailedTests(): readonly FailedTest[] | null {
  return readStateLines(FAILED_TESTS)?.flatMap((line) => readLine(line)) ?? null;
}

/** The file may have been edited by hand: other lines are ignored. */
function readLine(line: string): readonly FailedTest[] {
  try {
    const read: unknown = JSON.parse(line);
    if (!Array.isArray(read)) return [];
    const [path, name] = read as unknown[];
    return typeof path === "string" && typeof name === "string" ? [[path, name]] : [];
  } catch {
    return [];
  }
}

export function writeFailedTests(tests: readonly FailedTest[]): void {
  writeOwnLines(FAILED_TESTS, tests.map((test) => printableJson(test, 0)));
}
