/**
 * The tests of the project, in three sizes.
 *
 * All tests of a file with a name that ends in `_long_test` are long. A test of another file is long
 * if the test's name ends in `(long)`. Long tests use more seeds or more planted bugs, or test the
 * same behaviour in a second way. The others are the short tests.
 *
 * `deno task test` runs the first suite: the short tests of the files that `first_suite.json`
 * lists. `deno task test-all` runs all tests, and `deno task test-all --rest` those that
 * `deno task test` leaves out. With the folder of a member, `deno task test` runs all of the
 * member's short tests, and `--rest` its long ones.
 */
import { join, relative } from "node:path";
import { filesBelow, ROOT, SOURCE_FOLDERS } from "../source_text.ts";

/** The tests to run; `rest` has those that are not in the first suite. */
export type Size = "first" | "rest" | "short" | "long" | "all";

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

/** The files whose short tests are the first suite; `choose_first.ts` writes them. */
const FIRST = new URL("first_suite.json", import.meta.url);

/** The first suite, and how it was chosen. */
export interface FirstSuite {
  /** Number of planted changes that the short tests notice. */
  readonly changes: number;
  /** Number of these changes that the files notice. */
  readonly noticed: number;
  readonly files: readonly string[];
}

export function readFirstSuite(file: URL = FIRST): FirstSuite {
  return JSON.parse(Deno.readTextFileSync(file));
}

export function writeFirstSuite(suite: FirstSuite, file: URL = FIRST): void {
  Deno.writeTextFileSync(file, `${JSON.stringify(suite, null, 2)}\n`);
}

/** The short and the long tests of a file; null if it has none. */
function sizesOf(file: string): { readonly short: Tests | null; readonly long: Tests | null } {
  const whole: Tests = { name: file, file, filter: null };
  if (isLong(file)) return { short: null, long: whole };
  const isMixed = /\(long\)["`]/.test(Deno.readTextFileSync(join(ROOT, file)));
  if (!isMixed) return { short: whole, long: null };
  return {
    short: { name: file, file, filter: "short" },
    long: { name: `${file} ${LONG}`, file, filter: "long" },
  };
}

/** @param suite The files of the first suite. */
export function testsOf(size: Size, suite: readonly string[] = readFirstSuite().files): Tests[] {
  const first = new Set(suite);
  return testFiles().flatMap((file): Tests[] => {
    const { long, short } = sizesOf(file);
    const isFirst = first.has(file);
    const wantsShort = size === "all" || size === "short" || (size === "first") === isFirst;
    const wantsLong = size === "all" || size === "long" || size === "rest";
    return [
      ...short !== null && wantsShort && size !== "long" ? [short] : [],
      ...long !== null && wantsLong ? [long] : [],
    ];
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
