/** Which mutants are tried, and which tests of each, in which order. */
import { dirname } from "node:path";
import { hashText } from "@dmalab/runtime";
import type { Candidate } from "./candidates.ts";
import type { Clean, TestName } from "./protocol.ts";
import { ImportGraph, isPageTest } from "./tree.ts";
import type { Use } from "./uses.ts";

/**
 * So many of the candidates, the same for the same seed. Each is drawn by its text, not by its
 * place: a line that comes or goes elsewhere changes nothing for it.
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

/** What names a change as long as its expression stays as it is, wherever its file and line lie. */
export function keyOf(
  { path, within, change, nth }: Pick<Candidate, "path" | "within" | "change" | "nth">,
): string {
  return `${path.split("/").at(-1)} ${within}: ${change}${nth === 1 ? "" : ` (${nth})`}`;
}

/** FNV-1a with a last mix, 32 bits. */
export function hash(text: string): number {
  let value = hashText(text);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** How the tests of a stage are chosen for a mutant. */
export interface Choice {
  /** The lower, the earlier; a test with 0 is always run. */
  readonly rank: (mutatedPath: string, testFile: string) => number;
  /** The time for those of another rank, of what all tests of the stage take. */
  readonly budgetMs: (wholeMs: number) => number;
  /** The same for a change that acts at load where no mark shows its users. */
  readonly budgetAtLoadMs: (wholeMs: number) => number;
}

/**
 * The nearest tests: the tests of its folder, the tests that hold the pages to the sources, and of
 * the others a part of the clean run. The first few notice most of the mutants that are noticed at
 * all.
 */
export const NEAREST: Choice = {
  rank: (mutatedPath, testFile) =>
    isPageTest(testFile) ? 0 : distance(dirname(mutatedPath), dirname(testFile)),
  budgetMs: (wholeMs) => 0.04 * wholeMs,
  budgetAtLoadMs: (wholeMs) => 0.2 * wholeMs,
};

/** The suite's other tests, for what the nearest did not notice. */
export function others(first: readonly string[]): Choice {
  return {
    rank: (_, testFile) => first.includes(testFile) ? first.indexOf(testFile) : first.length,
    budgetMs: (wholeMs) => 0.08 * wholeMs,
    budgetAtLoadMs: (wholeMs) => 0.08 * wholeMs,
  };
}

/** A test with its time, and its distance from the change. */
interface Entry {
  readonly test: TestName;
  readonly ms: number;
}

/** The results of the clean run: the mutants that each test asks for. */
export class Plan {
  readonly #imports: ImportGraph;
  readonly #choice: Choice;
  readonly #thorough: boolean;
  /** By mutant, then the tests in the order in which they are run. */
  readonly #tests = new Map<number, (Entry & { readonly asks: number })[]>();
  /** By mark. */
  readonly #using = new Map<number, Entry[]>();
  readonly #usedAtLoad = new Set<number>();
  readonly #atLoad = new Set<number>();
  readonly #fileMs = new Map<string, number>();
  /** By file, the tests that pass. */
  readonly #passing = new Map<string, readonly Entry[]>();
  readonly #reach = new Map<string, ReadonlyMap<string, number>>();

  /** @param thorough Every test that reaches a mutant is run, however long that takes. */
  constructor(root: string, choice: Choice, thorough: boolean) {
    this.#imports = new ImportGraph(root);
    this.#choice = choice;
    this.#thorough = thorough;
  }

  /** How long all tests take. */
  get wholeMs(): number {
    return [...this.#fileMs.values()].reduce((sum, ms) => sum + ms, 0);
  }

  /** Those that are always run, and of the others as many as fit into the time. */
  #fitting<T extends { readonly ms: number; readonly far: number }>(
    sorted: readonly T[],
    budgetMs: (wholeMs: number) => number,
  ): T[] {
    let leftMs = this.#thorough ? Infinity : budgetMs(this.wholeMs);
    return sorted.filter(({ ms, far }) => (leftMs -= ms) >= 0 || far === 0);
  }

  /** Whether a test file loads any of some sources: one that does not notices nothing of them. */
  loadsAny(file: string, paths: ReadonlySet<string>): boolean {
    return [...this.#imports.reach(file).keys()].some((path) => paths.has(path));
  }

  /** Takes in the requests of a file's tests. */
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

  /** The tests that reach a mutant, by their rank, the fastest first. */
  testsOf(mutant: number, path: string): TestName[] {
    return this.#chosen(this.#tests.get(mutant) ?? [], path);
  }

  /**
   * The tests for what acts at load: the tests that reach a mark, by their rank, the fastest first.
   * Without such tests, or when a mark was met while modules were loaded, the tests of the files
   * that load it.
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

  /** How long a test that passes takes. */
  msOf({ file, index }: TestName): number {
    return this.#passing.get(file)?.find(({ test }) => test.index === index)?.ms ?? 0;
  }

  /** How often a test asks for it at most. */
  mostAsks(mutant: number): number {
    return Math.max(0, ...(this.#tests.get(mutant) ?? []).map(({ asks }) => asks));
  }

  /** True for what acts while modules are loaded, once for all tests. */
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

/** 0 for one folder, 1 for one below the other or beside it, 2 for anywhere else. */
function distance(a: string, b: string): number {
  if (a === b) return 0;
  return a.startsWith(`${b}/`) || b.startsWith(`${a}/`) || dirname(a) === dirname(b) ? 1 : 2;
}
