/** The copy of the project in which mutants are tried, and the lists of its tests. */
import { basename, dirname, join } from "node:path";
import { memberEntries } from "@dmalab/tools";
import ts from "typescript";
import { filesBelow, SOURCE_FOLDERS } from "../source_text.ts";
import { type Mutant, withSwitches } from "./schemata.ts";
import type { Mark } from "./uses.ts";

/**
 * The files that the tests read, except `tests/golden`. That folder is linked instead of copied,
 * because it is large and never written.
 */
const COPIED = [
  ...SOURCE_FOLDERS,
  ".ci",
  "LICENSE",
  "README.md",
  "deno.json",
  "deno.lock",
  "docs",
  "examples",
  "mod.ts",
  "package.json",
  "tests",
];
const LINKED = ["tests/golden"];

/**
 * Tests that compare pages with the sources. No other tests notice a change of a table, and these
 * tests are quick.
 */
const PAGE_TESTS = ["tools/reference/", "tests/vocabulary_test.ts"];
const TESTED = [
  "runtime",
  "devices",
  "extensions/topology/tests/lspci_test.ts",
  ...PAGE_TESTS,
];
const REPLAYED = "tests/mutation/replayed_test_groups.ts";
/** Folders of the suite's other tests. */
const OTHERS = [...SOURCE_FOLDERS, "tests"];
/**
 * Tests that are left out, because here they notice no mutant, or notice a mutant only in some
 * runs.
 */
const LEFT_OUT = [
  // The groups of this test are replayed separately.
  "tests/conformance_test.ts",
  "tests/conformance_long_test.ts",
  // These tests depend on the host's time, which differs when other processes run.
  "tests/fuzz_long_test.ts",
  "tests/fuzz_test.ts",
  "tests/hostile/",
  // This test is about the switches themselves, and not about the mutated sources.
  "tests/mutation_long_test.ts",
];
/**
 * The tests that notice the largest number of mutants in relation to their running time are run
 * first.
 */
export const FIRST: readonly string[] = [
  "tests/snapshots_test.ts",
  "tests/examples_test.ts",
];
/** Folders of the sources that are mutated. */
const MUTATED = ["runtime", "devices", "extensions/topology/lspci"];

/** The sources that may be changed: no tests, and no helpers that only tests use. */
export function mutableFiles(root: string): string[] {
  return MUTATED.flatMap((folder) => filesBelow(join(root, folder)))
    .map((path) => path.slice(root.length))
    .filter((path) =>
      path.endsWith(".ts") && !/_test\.ts$|\/_\w+\.ts$|\/testing(?:_\w+)?\.ts$/.test(path)
    );
}

export function isPageTest(path: string): boolean {
  return PAGE_TESTS.some((each) => path.startsWith(each));
}

/**
 * The nearest tests: tests next to the changed sources, tests that compare pages with these
 * sources, and tests that replay captured data.
 */
export function nearestTestFiles(root: string): string[] {
  return TESTED.flatMap((folder) => filesBelow(join(root, folder)))
    .map((path) => path.slice(root.length))
    .filter((path) => path.endsWith("_test.ts"))
    .concat(REPLAYED);
}

/**
 * The other tests of the suite, in the order in which a mutant is tried with them. Here, tests may
 * not start processes: a test that starts one fails in the clean run, and is then left out.
 */
export function otherTestFiles(root: string): string[] {
  const nearest = new Set(nearestTestFiles(root));
  const others = OTHERS.flatMap((folder) => filesBelow(join(root, folder)))
    .map((path) => path.slice(root.length))
    .filter((path) =>
      path.endsWith("_test.ts") && !nearest.has(path) &&
      !LEFT_OUT.some((each) => path.startsWith(each))
    );
  return [...FIRST, ...others.filter((path) => !FIRST.includes(path))];
}

/** The tests, and every source that a test may load. */
export function allSources(root: string): string[] {
  const golden = LINKED.map((place) => join(root, place));
  return [...new Set([...MUTATED, ...OTHERS])]
    .flatMap((folder) => filesWithout(join(root, folder), golden))
    .map((path) => path.slice(root.length))
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts") && !isOwn(path));
}

/** Whether a file is one of the files that try the mutants, which are never mutated themselves. */
function isOwn(path: string): boolean {
  return path.startsWith("tests/mutation/") && path !== REPLAYED;
}

/**
 * Copies the project. The copy has a switch at each mutant, and a mark at each name with a value
 * that a mutant may change.
 */
export function writeTree(
  root: string,
  tree: string,
  mutants: readonly Mutant[],
  marks: readonly Mark[],
): void {
  const byFile = Map.groupBy(mutants, ({ path }) => path);
  const marksByFile = Map.groupBy(marks, ({ path }) => path);
  const switchUrl = `file://${join(tree, "tests/mutation/switches.ts")}`;
  for (const place of COPIED) {
    for (const path of filesWithout(join(root, place), LINKED.map((each) => join(root, each)))) {
      const name = path.slice(root.length);
      const target = join(tree, name);
      Deno.mkdirSync(dirname(target), { recursive: true });
      const [changed, marked] = [byFile.get(name) ?? [], marksByFile.get(name) ?? []];
      if (changed.length + marked.length === 0) Deno.copyFileSync(path, target);
      else {
        const text = withSwitches(Deno.readTextFileSync(path), changed, marked, switchUrl);
        Deno.writeTextFileSync(target, text);
      }
    }
  }
  for (const place of LINKED) Deno.symlinkSync(join(root, place), join(tree, place));
}

function filesWithout(place: string, left: readonly string[]): string[] {
  if (left.includes(place) || basename(place) === "node_modules") return [];
  if (Deno.statSync(place).isFile) return [place];
  return [...Deno.readDirSync(place)].flatMap(({ name }) => filesWithout(join(place, name), left));
}

/**
 * For a file, the files that it loads directly or indirectly, including itself, with the number of
 * imports on the way to each.
 */
export class ImportGraph {
  readonly #root: string;
  readonly #members = memberEntries();
  readonly #direct = new Map<string, readonly string[]>();

  constructor(root: string) {
    this.#root = root;
  }

  reach(file: string): ReadonlyMap<string, number> {
    const steps = new Map([[file, 0]]);
    for (const [path, count] of steps) {
      for (const next of this.#of(path)) if (!steps.has(next)) steps.set(next, count + 1);
    }
    return steps;
  }

  #of(path: string): readonly string[] {
    const known = this.#direct.get(path);
    if (known !== undefined) return known;
    const text = Deno.readTextFileSync(join(this.#root, path));
    const direct = ts.preProcessFile(text).importedFiles
      .flatMap(({ fileName }) =>
        fileName.startsWith(".") ? join(dirname(path), fileName) : this.#members.get(fileName) ?? []
      );
    this.#direct.set(path, direct);
    return direct;
  }
}
