/**
 * The tests of the project, in two sizes.
 *
 * `deno task test` runs one test for each mechanism. All tests of a file with a name that ends in
 * `_long_test` belong to the long suite. A test of another file belongs to it if the test's name
 * ends in `(long)`. Long tests use more seeds or more planted bugs, or test the same behaviour in a
 * second way. `deno task test-all` runs both suites.
 */
import { join, relative } from "node:path";
import { filesBelow, ROOT, SOURCE_FOLDERS } from "../source_text.ts";

/** The tests to run: the short suite, the long suite without the short one, or both. */
export type Size = "short" | "rest" | "all";

const LONG = "(long)";

/** Whether a name marks all tests of a file, or one test, as long. */
export function isLong(name: string): boolean {
  return name.endsWith("_long_test.ts") || name.endsWith(LONG);
}

/** Paths of all test files from the root, with `/`, sorted. */
function testFiles(): string[] {
  return [...SOURCE_FOLDERS, "tests"].flatMap((folder) => filesBelow(join(ROOT, folder)))
    .map((path) => relative(ROOT, path).replaceAll("\\", "/"))
    .filter((path) => path.endsWith("_test.ts"));
}

/**
 * The tests of a file: all of them, only the long ones, or only the short ones, as `deno test`
 * selects them.
 */
export interface Tests {
  /** The file's path, followed by `(long)` for the long tests of a file that has both sizes. */
  readonly name: string;
  readonly file: string;
  readonly filter: "long" | "short" | null;
}

export function testsOf(size: Size): Tests[] {
  return testFiles().flatMap((file): Tests[] => {
    if (isLong(file)) return size === "short" ? [] : [{ name: file, file, filter: null }];
    const isMixed = /\(long\)["`]/.test(Deno.readTextFileSync(join(ROOT, file)));
    if (!isMixed) return size === "rest" ? [] : [{ name: file, file, filter: null }];
    const short: Tests = { name: file, file, filter: "short" };
    const long: Tests = { name: `${file} ${LONG}`, file, filter: "long" };
    return size === "short" ? [short] : size === "rest" ? [long] : [short, long];
  });
}

/** Values for `deno test --filter`; its regular expressions have no negative lookahead. */
export const FILTERS = {
  long: "/\\(long\\)$/",
  short: "/(?:[^)]|[^g]\\)|[^n]g\\)|[^o]ng\\)|[^l]ong\\)|[^(]long\\))$/",
};

/** Tests that run in one process. */
export interface World {
  readonly name: string;
  readonly files: readonly string[];
  readonly filter: Tests["filter"];
  /** Approximate processor time, in seconds. */
  readonly seconds: number;
}

/**
 * Costs of tests that were not measured, as in a fresh clone. Tests in `tests/` and in extensions run
 * whole programs.
 */
const UNKNOWN_PROGRAM_SECONDS = 3;
const UNKNOWN_LONG_SECONDS = 10;
/**
 * Average cost of a short test file of the core, and cost of a short test that was not measured, while
 * other tests were. With it, all files of a member of the core share one process.
 */
const CHEAP_SECONDS = 0.15;

/**
 * Tests that cost less than `OWN_SECONDS` share processes; each shared process costs at most
 * `MAX_SECONDS`.
 */
const OWN_SECONDS = 5;
const MAX_SECONDS = 40;
/**
 * Files that compile C share processes whatever they cost, because the compiler is then started only
 * once in each process.
 */
const C_FILES = /^extensions\/c_drivers\/tests\/c_/;

const WHOLE_PROGRAMS = /^(?:tests|extensions)\//;

function unknownCost(name: string, othersMeasured: boolean): number {
  if (isLong(name)) return UNKNOWN_LONG_SECONDS;
  if (othersMeasured) return CHEAP_SECONDS;
  return WHOLE_PROGRAMS.test(name) ? UNKNOWN_PROGRAM_SECONDS : CHEAP_SECONDS;
}

/**
 * Splits tests into processes, the costliest first. For a cheap file, loading the sources and
 * compiling them to fast code takes longer than running its tests. Therefore the hundreds of cheap
 * files share processes, by folder. No module keeps state, so sharing does not affect the tests.
 *
 * @param costs Processor time of the costly tests in seconds, by name; null if none was measured.
 */
export function worldsOf(
  tests: readonly Tests[],
  costs: Readonly<Record<string, number>> | null,
): World[] {
  const secondsOf = ({ name }: Tests) => costs?.[name] ?? unknownCost(name, costs !== null);
  const groups = Map.groupBy(tests, (each) => {
    const isC = C_FILES.test(each.file);
    if (!isC && secondsOf(each) >= OWN_SECONDS) return each.name;
    const folders = each.file.split("/");
    const own = folders[0] === "extensions" ? folders.slice(0, 2) : folders.slice(0, 1);
    const group = isC ? "C" : own.join("/");
    return each.filter === "long" ? `${group} ${LONG}` : group;
  });
  const worlds = [...groups].flatMap(([name, own]): World[] => {
    const parts: Tests[][] = [];
    let seconds = Infinity;
    for (const each of own) {
      if (seconds + secondsOf(each) > MAX_SECONDS) {
        parts.push([]);
        seconds = 0;
      }
      parts.at(-1)!.push(each);
      seconds += secondsOf(each);
    }
    return parts.map((part, index) => ({
      name: parts.length > 1 ? `${name} ${index + 1}` : name,
      files: part.map(({ file }) => file),
      // The filter changes nothing for files that have only one size.
      filter: part.find(({ filter }) => filter !== null)?.filter ?? null,
      seconds: part.reduce((sum, each) => sum + secondsOf(each), 0),
    }));
  });
  // Tests in `tests/` run whole programs, so they come first where no costs are measured.
  const isWhole = ({ name }: World) => Number(name.startsWith("tests"));
  return worlds.toSorted((a, b) => b.seconds - a.seconds || isWhole(b) - isWhole(a));
}
