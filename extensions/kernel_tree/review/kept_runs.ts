/**
 * The actions of a scenario's tests with the drivers of a tree, as stored in the cache. They show
 * whether another tree behaves differently, and which lines each test runs.
 */
import {
  displayName,
  isNamed,
  type LeakedResource,
  type NameMatch,
  type Program,
  type RunOptions,
  type TestOutcome,
} from "@dmalab/lang/run";
import type { LinesRun } from "@dmalab/lang/values";
import { hashText } from "@dmalab/runtime";
import { kernelOf } from "@dmalab/runtime/kernels";
import { buildName, gunzipText, gzipText, hashOf, keepBytes, keptValue } from "@dmalab/cli";
import { basename } from "@dmalab/cli/extend";
import {
  ASSERTION,
  assertionLines,
  shownFolder,
  testRuns,
  type Tree,
  withoutLineNumbers,
} from "../diff_scenario.ts";
import { type RunWords, wordsOf } from "./run_words.ts";

/** A test's outcome. Places in the tree's files have no folder. */
export interface KeptOutcome {
  /** Faults, reports and leaks. */
  readonly incidents: readonly { readonly name: string; readonly text: string }[];
  readonly leaks: number;
  readonly unexpectedReports: number;
  readonly unexpectedFaults: number;
  readonly failure: string | null;
  /** The diagnostic's code and place; null for a test that passed. */
  readonly failed: { readonly code: string; readonly place: string } | null;
  /**
   * What leaks where an injected failure makes the test leak: the failing call and the resource, one
   * entry for each resource at each place.
   */
  readonly leaking: readonly Omit<LeakedResource, "place">[];
  /** Whether a limit of the run stopped the test, as in an endless loop. */
  readonly isLimit: boolean;
  /** The failed assertion and the first bytes that differ, as lines; null if no assertion failed. */
  readonly assertion: readonly string[] | null;
}

export interface KeptTest {
  /** A hash of each event and line, and of the outcome. */
  readonly hashes: readonly number[];
  /** Lines of C that ran, by paths in the tree. */
  readonly ran: Readonly<Record<string, readonly number[]>>;
  readonly outcome: KeptOutcome;
}

/** A test of a scenario, for a review. */
export interface ListedTest {
  /**
   * Number of the test, counted from 1; 0 represents the statements at the top of the file. Tests
   * are identified by numbers, because two tests may have the same name.
   */
  readonly number: number;
  readonly name: string;
  readonly options: Pick<RunOptions, "only" | "select">;
}

/** The statements at the top of the file, if there are any, and the tests. */
export function testsOf(program: Program, matches: readonly NameMatch[]): readonly ListedTest[] {
  const tests = program.tests.filter(({ kind }) => kind !== "bench");
  return [
    ...program.main === null ? [] : [{ number: 0, name: "", options: { select: () => false } }],
    ...tests.flatMap((test, at) => {
      const options = { only: "tests", select: (number: number) => number === at } as const;
      return isNamed(test, matches) ? [{ number: at + 1, name: displayName(test), options }] : [];
    }),
  ];
}

/**
 * Raised with each change of `KeptTest` or `RunWords`, because `buildName()` of an installed package
 * changes only with its version.
 */
const FORMAT = 2;

/** Reads the cached tests of a scenario. @throws {Error} If the bytes are something else. */
function readTests(bytes: Uint8Array): Readonly<Record<string, KeptTest>> {
  const tests: Readonly<Record<string, KeptTest>> = JSON.parse(new TextDecoder().decode(bytes));
  for (const { hashes, outcome, ran } of Object.values(tests)) {
    if (!Array.isArray(hashes) || typeof outcome.leaks !== "number" || !(ran instanceof Object)) {
      throw new TypeError("these are no tests");
    }
  }
  return tests;
}

/** Reads the cached actions of a test. @throws {Error} If the bytes are something else. */
async function readRunWords(bytes: Uint8Array<ArrayBuffer>): Promise<RunWords> {
  const words: RunWords = JSON.parse(await gunzipText(bytes));
  const { byDevice, lines, names, placeOf, places } = words;
  if (![byDevice, lines, names, placeOf, places].every(Array.isArray)) {
    throw new TypeError("these are no actions");
  }
  return words;
}

/** The runs of a scenario with the drivers of one tree. */
export class ScenarioRuns {
  /** Executable lines, by paths in the tree. */
  readonly code: ReadonlyMap<string, readonly number[]>;
  readonly #tests: Map<string, KeptTest>;
  /**
   * The actions of tests in words. Only tests that ran in this process or were read from the cache
   * have an entry.
   */
  readonly #words = new Map<string, RunWords>();
  #areTestsKept = true;
  /** Numbers of tests that ran here and have no words in the cache yet. */
  readonly #unkept = new Set<string>();

  private constructor(
    readonly program: Program,
    readonly tree: Tree,
    readonly key: string,
    readonly onRun: (test: string) => void,
    tests: Readonly<Record<string, KeptTest>>,
  ) {
    this.#tests = new Map(Object.entries(tests));
    this.code = new Map([...this.#lines()].map(([path, { all }]) => [path, all]));
  }

  /**
   * Reads the cached runs of a scenario. The cache key contains the scenario's texts and the
   * compiled code of its drivers.
   *
   * @param onRun Called with the name of each test before it runs.
   */
  static async of(
    program: Program,
    tree: Tree,
    onRun: (test: string) => void,
  ): Promise<ScenarioRuns> {
    const modules = [...program.registry.cModules?.() ?? []].map(({ bytes }) => hashOf(bytes));
    const files = program.files.map(({ name, text }) => [name, text]);
    const made = [FORMAT, buildName(), kernelOf(tree.version), files, await Promise.all(modules)];
    const key = `run-${await hashOf(new TextEncoder().encode(JSON.stringify(made)))}`;
    const tests = await keptValue("c", key, readTests) ?? {};
    return new ScenarioRuns(program, tree, key, onRun, tests);
  }

  /** The actions of a test, if it ran here or is in the cache; else null. */
  known(test: ListedTest): KeptTest | null {
    return this.#tests.get(String(test.number)) ?? null;
  }

  /** The actions of a test in words. If they are not in the cache, runs the test. */
  async words(test: ListedTest): Promise<RunWords> {
    const number = String(test.number);
    const known = this.#words.get(number);
    if (known !== undefined) return known;
    if (this.#tests.has(number)) {
      const words = await keptValue("c", this.#wordsKey(number), readRunWords);
      if (words !== null) {
        this.#words.set(number, words);
        return words;
      }
    }
    return this.run(test);
  }

  #wordsKey(number: string): string {
    return `${this.key}-${number}`;
  }

  /** Runs a test, and stores its actions. */
  run(test: ListedTest): RunWords {
    this.onRun(test.name);
    for (const module of this.program.registry.cModules?.() ?? []) {
      // The recorded lines belong to an earlier test.
      module.forgetLines();
    }
    const [run] = testRuns(this.program, this.tree, test.options);
    const folder = shownFolder(this.tree);
    const number = String(test.number);
    const words = wordsOf(run!, this.program, this.tree);
    this.#words.set(number, words);
    this.#unkept.add(number);
    this.#areTestsKept = false;
    this.#tests.set(number, {
      hashes: run!.lines.map((line) => hashText(line)),
      ran: Object.fromEntries([...this.#lines()].map(([path, { run }]) => [path, run])),
      outcome: keptOutcome(run!.outcome, folder),
    });
    return words;
  }

  /** The executable lines, and the lines that any of these tests has run. */
  lines(tests: readonly ListedTest[]): ReadonlyMap<string, LinesRun> {
    const ran = new Map<string, Set<number>>();
    for (const test of tests) {
      for (const [path, lines] of Object.entries(this.known(test)?.ran ?? {})) {
        ran.set(path, (ran.get(path) ?? new Set()).union(new Set(lines)));
      }
    }
    return new Map([...this.code].map(([path, all]) => {
      const lines = ran.get(path);
      return [path, { all, run: all.filter((line) => lines?.has(line)) }];
    }));
  }

  /**
   * Writes the new runs to the cache. If writing fails, the tests run again in the next review.
   * @param withWords Whether to write the runs' actions in words, too, for comparisons with other
   *   trees.
   */
  async keep(withWords: boolean): Promise<void> {
    if (!this.#areTestsKept) {
      const text = JSON.stringify(Object.fromEntries(this.#tests));
      await keepBytes("c", this.key, new TextEncoder().encode(text));
      this.#areTestsKept = true;
    }
    for (const number of withWords ? this.#unkept : []) {
      const words = JSON.stringify(this.#words.get(number)!);
      await keepBytes("c", this.#wordsKey(number), await gzipText(words));
      this.#unkept.delete(number);
    }
  }

  /** Line coverage of the drivers, by paths in the tree. */
  #lines(): ReadonlyMap<string, LinesRun> {
    const folders = [shownFolder(this.tree), `${this.tree.files.root}/`];
    const files = new Map<string, LinesRun>();
    for (const module of this.program.registry.cModules?.() ?? []) {
      for (const [name, lines] of module.linesRun()) {
        const folder = folders.find((each) => name.startsWith(each));
        if (folder !== undefined) addLines(files, name.slice(folder.length), lines);
      }
    }
    return files;
  }
}

/** Adds line coverage of a file to the coverage that a map already has for the file. */
export function addLines(files: Map<string, LinesRun>, path: string, lines: LinesRun): void {
  const known = files.get(path);
  const ascending = (name: keyof LinesRun) =>
    [...new Set([...known?.[name] ?? [], ...lines[name]])].toSorted((a, b) => a - b);
  files.set(path, known === undefined ? lines : { all: ascending("all"), run: ascending("run") });
}

/**
 * The outcome of a test.
 * @param folder The tree's folder, with which places begin; it is removed from the places.
 */
function keptOutcome(outcome: TestOutcome, folder: string): KeptOutcome {
  const { failure, leaks, unexpectedFaults, unexpectedReports } = outcome;
  const incidents = outcome.incidents.map(({ kind, name, text }) => ({
    name: `${kind} ${name}`,
    text: text.replaceAll(folder, ""),
  }));
  return {
    incidents,
    leaks,
    unexpectedFaults,
    unexpectedReports,
    failure: failureText(failure)?.replaceAll(folder, "") ?? null,
    failed: failure === null ? null : { code: failure.code, place: basename(failure.place) },
    leaking: (failure?.leaking ?? []).flatMap(({ leaks, when }) =>
      leaks.map(({ count, text }) => ({ count, text: `${when}: ${text}`.replaceAll(folder, "") }))
    ),
    isLimit: failure?.kind === "limit",
    assertion: failure?.code === ASSERTION
      ? assertionLines(failure).map((line) => withoutLineNumbers(line.replaceAll(folder, "")))
      : null,
  };
}

/** Error codes for the limits of steps and of time. */
const OF_WORK: readonly string[] = ["E0801", "E0806"];

function failureText(failure: TestOutcome["failure"]): string | null {
  if (failure === null || !OF_WORK.includes(failure.code)) return failure?.message ?? null;
  return `endless loop, or much more work: ${failure.message}`;
}
