/** The copy of the project that mutants are tried in, and what its tests are. */
import { basename, dirname, join } from "node:path";
import { memberEntries } from "@dmalab/tools";
import ts from "typescript";
import { filesBelow, SOURCE_FOLDERS } from "../source_text.ts";
import { type Mutant, withSwitches } from "./schemata.ts";
import type { Mark } from "./uses.ts";

/** The files that the tests read, beside `tests/golden`, which is large and only read. */
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

/** Tests that hold the pages to the sources: a table's change is in no other, and they are quick. */
const PAGE_TESTS = ["tools/reference/", "tests/vocabulary_test.ts"];
const TESTED = [
  "runtime",
  "devices",
  "extensions/topology/tests/lspci_test.ts",
  ...PAGE_TESTS,
];
const REPLAYED = "tests/mutation/replayed_test_groups.ts";
/** Where the suite's other tests lie. */
const OTHERS = [...SOURCE_FOLDERS, "tests"];
/** Those of them that notice nothing here, or not always. */
const LEFT_OUT = [
  // Its groups are replayed one by one.
  "tests/conformance_test.ts",
  "tests/conformance_long_test.ts",
  // Held to a time of the host, which is another one beside other processes.
  "tests/fuzz_long_test.ts",
  "tests/fuzz_test.ts",
  "tests/hostile/",
  // The switches themselves.
  "tests/mutation_long_test.ts",
];
/** What notices most for its time comes first. */
export const FIRST: readonly string[] = [
  "tests/snapshots_test.ts",
  "tests/examples_test.ts",
];
/** Where changes are made. */
const MUTATED = ["runtime", "devices", "extensions/topology/lspci"];

/** Sources that may be changed: no tests, and nothing that only tests use. */
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

/** The nearest tests: those beside the change, tests that hold pages to it, the captured data. */
export function nearestTestFiles(root: string): string[] {
  return TESTED.flatMap((folder) => filesBelow(join(root, folder)))
    .map((path) => path.slice(root.length))
    .filter((path) => path.endsWith("_test.ts"))
    .concat(REPLAYED);
}

/**
 * The suite's other tests, in the order in which a change is tried with them. Those that start
 * processes may not here, and are left out when they say so in the clean run.
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

/** Every source that a test may load, and the tests. */
export function allSources(root: string): string[] {
  const golden = LINKED.map((place) => join(root, place));
  return [...new Set([...MUTATED, ...OTHERS])]
    .flatMap((folder) => filesWithout(join(root, folder), golden))
    .map((path) => path.slice(root.length))
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts") && !isOwn(path));
}

/** What tries the changes is not among what is changed. */
function isOwn(path: string): boolean {
  return path.startsWith("tests/mutation/") && path !== REPLAYED;
}

/** Copies the project, with a switch at each mutant and a mark at each name that one changes. */
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

/** Which files a file loads, directly or not, itself among them, with the steps to each. */
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
