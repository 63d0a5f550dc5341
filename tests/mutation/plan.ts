/** Selects the mutants to try, and for each the tests and their order. */
import { dirname } from "node:path";
import { hashText } from "@dmalab/runtime";
import type { Candidate } from "./candidates.ts";
import type { Clean, TestName } from "./protocol.ts";
import { ImportGraph, isPageTest } from "./tree.ts";
import type { Use } from "./uses.ts";

/**
 * A sample of the candidates, always the same for the same seed. The sample depends on the
 * candidates' texts, not on their lines: lines that are added or removed elsewhere do not change
 * it.
 */
export function sample<T extends Candidate>(
  candidates: readonly T[],
  count: number,
  seed: number,
): T[] {
  const drawn = candidates.map((candidate, place) => (
    { candidate, place, lot: hash(`${seed}\n${keyOf(candidate)}`) }
  ));
  return drawn.toSorted((a, b) => a.lot - b.lot || a.place - b.place)
    .slice(0, count)
    .toSorted((a, b) => a.place - b.place)
    .map(({ candidate }) => candidate);
}

/**
 * A key of a change. The key stays the same as long as the changed expression stays the same, even
 * if its file is moved or its line changes.
 */
export function keyOf(
  { path, within, change, nth }: Pick<Candidate, "path" | "within" | "change" | "nth">,
): string {
  return `${path.split("/").at(-1)} ${within}: ${change}${nth === 1 ? "" : ` (${nth})`}`;
}

/** FNV-1a with a final mix, 32 bits. */
export function hash(text: string): number {
  let value = hashText(text);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** How a stage selects tests for a mutant. */
export interface Choice {
  /** Tests with a lower rank run earlier; a test with rank 0 is always run. */
  readonly rank: (mutatedPath: string, testFile: string) => number;
  /** Calculates the time for the tests of ranks above 0 from the time of all tests of the stage. */
  readonly budgetMs: (wholeMs: number) => number;
  /**
   * Calculates the same time for a change that acts at load, if no mark shows the users of the
   * changed value.
   */
  readonly budgetAtLoadMs: (wholeMs: number) => number;
}

/**
 * The nearest tests: all tests in the folder of the change, all tests that compare pages with the
 * sources, and as many other tests as fit into a fraction of the clean run's time. Most mutants
 * that any test notices are noticed by the first few tests.
 */
export const NEAREST: Choice = {
  rank: (mutatedPath, testFile) =>
    isPageTest(testFile) ? 0 : distance(dirname(mutatedPath), dirname(testFile)),
  budgetMs: (wholeMs) => 0.04 * wholeMs,
  budgetAtLoadMs: (wholeMs) => 0.2 * wholeMs,
};

/** The suite's other tests, for mutants that the nearest tests did not notice. */
export function others(first: readonly string[]): Choice {
  return {
    rank: (_, testFile) => first.includes(testFile) ? first.indexOf(testFile) : first.length,
    budgetMs: (wholeMs) => 0.08 * wholeMs,
    budgetAtLoadMs: (wholeMs) => 0.08 * wholeMs,
  };
}

/** A test with its time. */
interface Entry {
  readonly test: TestName;
  readonly ms: number;
}

/** The results of the clean run: the mutants that each test reaches. */
export class Plan {
  readonly #imports: ImportGraph;
  readonly #choice: Choice;
  readonly #thorough: boolean;
  /** The tests that reach each mutant, in the order of the clean run. */
  readonly #tests = new Map<number, (Entry & { readonly asks: number })[]>();
  /** By mark. */
  readonly #using = new Map<number, Entry[]>();
  readonly #usedAtLoad = new Set<number>();
  readonly #atLoad = new Set<number>();
  readonly #fileMs = new Map<string, number>();
  /** The tests that pass, by file. */
  readonly #passing = new Map<string, readonly Entry[]>();
  readonly #reach = new Map<string, ReadonlyMap<string, number>>();

  /** @param thorough Whether every test that reaches a mutant is run, however long that takes. */
  constructor(root: string, choice: Choice, thorough: boolean) {
    this.#imports = new ImportGraph(root);
    this.#choice = choice;
    this.#thorough = thorough;
  }

  /** Time of all tests. */
  get wholeMs(): number {
    return [...this.#fileMs.values()].reduce((sum, ms) => sum + ms, 0);
  }

  /**
   * The tests that are always run, and as many of the other tests as fit into the time that
   * `budgetMs` returns.
   */
  #fitting<T extends { readonly ms: number; readonly far: number }>(
    sorted: readonly T[],
    budgetMs: (wholeMs: number) => number,
  ): T[] {
    let leftMs = this.#thorough ? Infinity : budgetMs(this.wholeMs);
    return sorted.filter(({ ms, far }) => (leftMs -= ms) >= 0 || far === 0);
  }

  /** Whether a test file loads any of some sources. If not, it cannot notice changes in them. */
  loadsAny(file: string, paths: ReadonlySet<string>): boolean {
    return [...this.#imports.reach(file).keys()].some((path) => paths.has(path));
  }

  /** Adds the results of a file's tests. */
  add(file: string, { asksAtLoad, usedAtLoad, tests }: Clean): void {
    this.#reach.set(file, this.#imports.reach(file));
    for (const [mutant] of asksAtLoad) this.#atLoad.add(mutant);
    for (const mark of usedAtLoad) this.#usedAtLoad.add(mark);
    let fileMs = 0;
    const passing: Entry[] = [];
    for (const { index, ms, failure, asks, used } of tests) {
      fileMs += ms;
      if (failure !== null) continue;
      const entry = { test: { file, index }, ms };
      passing.push(entry);
      for (const [mutant, count] of asks) put(this.#tests, mutant, { ...entry, asks: count });
      for (const mark of used) put(this.#using, mark, entry);
    }
    this.#fileMs.set(file, fileMs);
    this.#passing.set(file, passing);
  }

  /** The tests to run for a mutant that they reach: sorted by rank, and by time for the same rank. */
  testsOf(mutant: number, path: string): TestName[] {
    return this.#chosen(this.#tests.get(mutant) ?? [], path);
  }

  /**
   * The tests for a change that acts at load: the tests that reach a mark, sorted by rank, and by
   * time for the same rank. If no test reaches a mark, or a mark was reached while modules were
   * loaded, the tests of all files that load the changed file are added.
   */
  testsAtLoad({ marks, testFiles, isOpen }: Use, path: string): TestName[] {
    const entries = new Map<string, Entry>();
    const take = (entry: Entry) => entries.set(`${entry.test.file} ${entry.test.index}`, entry);
    for (const mark of marks) this.#using.get(mark)?.forEach(take);
    for (const file of testFiles) this.#passing.get(file)?.forEach(take);
    const chosen = this.#chosen([...entries.values()], path);
    const isComplete = !isOpen && entries.size > 0 && this.#usedAtLoad.isDisjointFrom(marks);
    if (isComplete) return chosen;
    const names = new Set(chosen.map(({ file, index }) => `${file} ${index}`));
    const more = this.#testsThatLoad(path);
    return [...chosen, ...more.filter(({ file, index }) => !names.has(`${file} ${index}`))];
  }

  #chosen(entries: readonly Entry[], path: string): TestName[] {
    const sorted = entries
      .map(({ test, ms }) => ({ test, ms, far: this.#choice.rank(path, test.file) }))
      .toSorted((a, b) => a.far - b.far || a.ms - b.ms);
    return this.#fitting(sorted, this.#choice.budgetMs).map(({ test }) => test);
  }

  /** Time of a test that passes. */
  msOf({ file, index }: TestName): number {
    return this.#passing.get(file)?.find(({ test }) => test.index === index)?.ms ?? 0;
  }

  /** The largest number of calls of `isOn` that one test makes for a mutant. */
  mostAsks(mutant: number): number {
    return Math.max(0, ...(this.#tests.get(mutant) ?? []).map(({ asks }) => asks));
  }

  /** Whether a mutant acts while modules are loaded, once for all tests. */
  actsAtLoad(mutant: number): boolean {
    return this.#atLoad.has(mutant);
  }

  /** Tests of the files that load a file, the nearest first. */
  #testsThatLoad(path: string): TestName[] {
    const entries = [...this.#reach]
      .filter(([file, steps]) => steps.has(path) && this.#passing.get(file)!.length > 0)
      .map(([file, steps]) => ({
        file,
        far: this.#choice.rank(path, file),
        steps: steps.get(path)!,
        ms: this.#fileMs.get(file)!,
      }))
      .toSorted((a, b) => a.far - b.far || a.steps - b.steps || a.ms - b.ms);
    return this.#fitting(entries, this.#choice.budgetAtLoadMs)
      .flatMap(({ file }) => this.#passing.get(file)!.map(({ test }) => test));
  }
}

function put<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/**
 * Distance of two folders: 0 for the same folder, 1 for a folder below, above or beside it, 2 for
 * any other.
 */
function distance(a: string, b: string): number {
  if (a === b) return 0;
  return a.startsWith(`${b}/`) || b.startsWith(`${a}/`) || dirname(a) === dirname(b) ? 1 : 2;
}
