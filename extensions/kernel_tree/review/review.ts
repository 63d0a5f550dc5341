/** Reviews a change: runs scenarios that reach it with both trees, and keeps what differs and what did not run. */
import type { NameMatch, Program } from "@dmalab/lang/run";
import { C_FILE, type LinesRun } from "@dmalab/lang/values";
import { SessionClang, TreeBuild } from "@dmalab/c_drivers/compiler";
import { Makefiles, Units } from "@dmalab/c_drivers/tree";
import { MemoryScreen, readTreeHeaders } from "@dmalab/cli";
import { TreeError } from "@dmalab/runtime/kernels";
import {
  loadWithTree,
  openWithTree,
  shownFolder,
  testRuns,
  type Tree,
  type TreeRun,
} from "../diff_scenario.ts";
import { type ChangedFile, type UnreachedLine, unreachedLines } from "./changed_lines.ts";
import type { CoveredComparison, Oracle } from "../oracles.ts";
import { differencesOf, type ReviewDifference, sequenceDifference } from "./differences.ts";
import type { ReviewStep } from "./series.ts";

/** A scenario that ran, and how much of the change it reached. */
export interface ReviewedScenario {
  readonly path: string;
  /** Events and lines that were compared; null where it could not be run. */
  readonly compared: number | null;
  /** What has kept it from running. */
  readonly problem: string | null;
}

/** What a review says of one change. */
export interface ReviewedStep {
  readonly step: ReviewStep;
  readonly scenarios: readonly ReviewedScenario[];
  readonly differences: readonly ReviewDifference[];
  readonly unreached: readonly UnreachedLine[];
  /** How many changed lines were looked at: those of C. */
  readonly lines: number;
  /** What the compiler says of the new files and not of the old ones. */
  readonly broken: readonly string[];
}

/** Which scenarios are run, and what is told while they do. */
export interface ReviewOptions {
  readonly scenarios: readonly string[];
  /** Mapping code that random sequences of operations drive. */
  readonly oracles: readonly Oracle[];
  readonly matches: readonly NameMatch[];
  readonly onProgress: (text: string) => void;
}

type FilesRun = Map<string, LinesRun>;

/** Random sequences on mapping code. */
const CASES = { count: 60, seed: 1 };

/** Runs of one review: what ran with a tree is not run again for the next patch. */
export class Review {
  readonly #runs = new Map<Tree, Map<string, TreeRun>>();
  readonly #programs = new Map<Tree, Map<string, Program | string>>();
  #clang: SessionClang | null = null;

  constructor(readonly options: ReviewOptions) {}

  /** @throws {TreeError} */
  async step(step: ReviewStep): Promise<ReviewedStep> {
    const files = step.files.filter(({ path }) => C_FILE.name.test(path));
    const scenarios: ReviewedScenario[] = [];
    const differences: ReviewDifference[] = [];
    const broken: string[] = [];
    const [oldRun, newRun]: [FilesRun, FilesRun] = [new Map(), new Map()];
    for (const path of files.length === 0 ? [] : this.options.scenarios) {
      if (!compiles(path, step, files)) continue;
      const old = await this.#program(path, step.old);
      const changed = await this.#program(path, step.new);
      if (typeof old === "string" || typeof changed === "string") {
        // What is wrong with both is the scenario's own.
        if (typeof old !== "string") broken.push(changed as string);
        const problem = typeof old === "string" ? old : changed as string;
        scenarios.push({ path, compared: null, problem });
        continue;
      }
      const before = this.#run(path, step.old, old);
      addLines(oldRun, linesRun(before.program, step.old));
      if (!mayReach(before.program, step.old, files)) continue;
      const after = this.#run(path, step.new, changed);
      addLines(newRun, linesRun(after.program, step.new));
      differences.push(...differencesOf(path, step, before, after));
      const compared = before.tests.reduce((sum, { lines }) => sum + lines.length, 0);
      scenarios.push({ path, compared, problem: null });
    }
    for (const oracle of files.length === 0 ? [] : this.options.oracles) {
      if (!drives(oracle, step, files)) continue;
      const { compared, lines } = await this.#sequences(oracle, step);
      addLines(oldRun, lines[0]);
      addLines(newRun, lines[1]);
      const path = oracle.paths[0]!;
      scenarios.push({ path, compared: compared.operations, problem: null });
      if (compared.difference !== null) {
        differences.push(sequenceDifference(path, compared.difference));
      }
    }
    const unreached = files.flatMap(({ path, removed, added }) => [
      ...linesOf("old", step.old, path, removed, oldRun),
      ...linesOf("new", step.new, path, added, newRun),
    ]);
    const lines = files.reduce((sum, { added, removed }) => sum + added.length + removed.length, 0);
    return { step, scenarios, differences, unreached, lines, broken };
  }

  async #program(path: string, tree: Tree): Promise<Program | string> {
    const known = this.#programs.get(tree) ?? new Map<string, Program | string>();
    this.#programs.set(tree, known);
    const made = known.get(path) ?? await this.#load(path, tree);
    known.set(path, made);
    return made;
  }

  async #load(path: string, tree: Tree): Promise<Program | string> {
    this.options.onProgress(`compiling ${path} with ${tree.version.name}`);
    const screen = new MemoryScreen();
    const program = await loadWithTree(path, tree, screen);
    if (program === null) return "it has no driver that is compiled with a tree";
    return typeof program === "number" ? screen.errors.trim() : program;
  }

  #run(path: string, tree: Tree, program: Program): TreeRun {
    const known = this.#runs.get(tree) ?? new Map<string, TreeRun>();
    this.#runs.set(tree, known);
    let run = known.get(path);
    if (run === undefined) {
      this.options.onProgress(`running ${path}`);
      run = { program, tests: testRuns(program, tree, { match: this.options.matches }) };
      known.set(path, run);
    }
    return run;
  }

  async #sequences(oracle: Oracle, { new: changed, old }: ReviewStep): Promise<CoveredComparison> {
    const path = oracle.paths[0]!;
    this.options.onProgress(`random sequences on ${path}`);
    this.#clang ??= new SessionClang();
    const [one, other] = [old, changed].map(({ files }) => new TreeBuild(files, this.#clang!));
    return await oracle.compareCovered(one!, other!, CASES);
  }

  async close(): Promise<void> {
    await this.#clang?.close();
  }

  /** Of the tree before a patch nothing is asked any more. */
  forget(tree: Tree): void {
    this.#runs.delete(tree);
    this.#programs.delete(tree);
  }
}

function isHeader({ path }: ChangedFile): boolean {
  return !path.endsWith(".c");
}

/** Files that a driver of requests is linked with: which ones is known when it is. */
const ITERATING = /^block\//;

/** Whether a scenario may have code of changed files: of its drivers, what they include, or what iterates requests. */
function compiles(path: string, step: ReviewStep, files: readonly ChangedFile[]): boolean {
  return [step.old, step.new].some((tree) => {
    const opened = openWithTree(path, tree);
    if (typeof opened === "string") throw new TreeError(opened, "give the path of a scenario");
    opened.load();
    const units = new Units(tree.files, new Makefiles(tree.files));
    const drivers = [...opened.loader.trees.values()].flatMap((driver) => driver.files);
    if (drivers.length > 0 && files.some((file) => ITERATING.test(file.path))) return true;
    return drivers.some((driver) => {
      const sources = driver.path === null ? units.sourcesIn(driver.source.text) : [driver.path];
      if (files.some((file) => sources.includes(file.path))) return true;
      if (!files.some(isHeader)) return false;
      const ours = readTreeHeaders();
      const own = "own.c";
      const unit = driver.path === null
        ? units.unit(own, ours, { [own]: driver.source.text })
        : units.unit(driver.path, ours);
      return files.some((file) => Object.hasOwn(unit.files, `tree/${file.path}`));
    });
  });
}

/** The lines of a tree's files that a program has code of, and those that ran, by their paths in the tree. */
function* linesRun(program: Program, tree: Tree): Generator<readonly [path: string, LinesRun]> {
  const folders = [shownFolder(tree), `${tree.files.root}/`];
  for (const module of program.registry.cModules?.() ?? []) {
    for (const [name, run] of module.linesRun()) {
      const folder = folders.find((each) => name.startsWith(each));
      if (folder !== undefined) yield [name.slice(folder.length), run];
    }
  }
}

/** Whether a program that ran has code of changed files. A header or a new file may be part of any. */
function mayReach(program: Program, tree: Tree, files: readonly ChangedFile[]): boolean {
  const paths = new Set([...linesRun(program, tree)].map(([path]) => path));
  return files.some((file) =>
    paths.has(file.path) || isHeader(file) || tree.files.text(file.path) === null
  );
}

/** Whether sequences drive code of changed files; those of a new or a dropped file do not compare. */
function drives(
  { needs }: Oracle,
  { new: changed, old }: ReviewStep,
  files: readonly ChangedFile[],
) {
  return files.some(({ path }) => needs.includes(path)) &&
    [old, changed].every((tree) => needs.every((path) => tree.files.text(path) !== null));
}

function addLines(into: FilesRun, lines: Iterable<readonly [path: string, LinesRun]>): void {
  const ascending = (numbers: readonly number[]) => [...new Set(numbers)].toSorted((a, b) => a - b);
  for (const [path, { all, run }] of lines) {
    const known = into.get(path);
    into.set(path, {
      all: ascending([...known?.all ?? [], ...all]),
      run: ascending([...known?.run ?? [], ...run]),
    });
  }
}

function linesOf(
  side: UnreachedLine["side"],
  tree: Tree,
  path: string,
  changed: readonly number[],
  run: FilesRun,
): readonly UnreachedLine[] {
  return unreachedLines(tree.files.text(path) ?? "", changed, run.get(path) ?? null)
    .map((line) => ({ path, side, ...line }));
}
