/**
 * The test files of the project, in two sizes.
 *
 * `deno task test` runs one witness for each mechanism. A file whose name ends in `_long_test`
 * belongs to the long suite: more seeds, more planted bugs, the same behaviour by a second way.
 * `deno task test-all` runs both.
 */
import { join, relative } from "@std/path";
import { filesBelow, ROOT, SOURCE_FOLDERS } from "../source_text.ts";

/** Which files: the short suite, the long suite without the short one, or both. */
export type Size = "short" | "rest" | "all";

export function isLong(path: string): boolean {
  return path.endsWith("_long_test.ts");
}

/** Test files from the root, with `/`, in the order of their names. */
export function testFiles(size: Size): string[] {
  return [...SOURCE_FOLDERS, "tests"].flatMap((folder) => filesBelow(join(ROOT, folder)))
    .map((path) => relative(ROOT, path).replaceAll("\\", "/"))
    .filter((path) => path.endsWith("_test.ts"))
    .filter((path) => size === "all" || isLong(path) === (size === "rest"));
}

/** Test files that run in one process. */
export interface World {
  readonly name: string;
  readonly files: readonly string[];
  /** Seconds of processor time, about. */
  readonly seconds: number;
}

/** Of a file that is not in the table: it was cheap, or is new. */
const UNKNOWN_SECONDS = 0.3;

/** Processor time of the costly files: `deno task test-all --times` writes it. */
export function readCosts(): Readonly<Record<string, number>> {
  return JSON.parse(Deno.readTextFileSync(COSTS));
}

export const COSTS = new URL("costs.json", import.meta.url);

/**
 * Splits files into processes, the costliest first. Loading the sources anew for each of hundreds of
 * cheap files takes longer than running them: the cheap ones of a folder share a process. No module
 * keeps state, so that they do not notice.
 */
export function worldsOf(files: readonly string[]): World[] {
  const costs = readCosts();
  const groups = Map.groupBy(files, (file) => {
    const folder = file.split("/").slice(0, -1).slice(0, 2).join("/");
    return costs[file] === undefined ? folder : file;
  });
  return [...groups].map(([name, own]) => ({
    name,
    files: own,
    seconds: own.reduce((sum, file) => sum + (costs[file] ?? UNKNOWN_SECONDS), 0),
  })).toSorted((a, b) => b.seconds - a.seconds);
}
