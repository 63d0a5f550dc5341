/**
 * Reviews a change. Runs the scenarios that reach the changed code with the old and the new tree, and collects
 * the differences and the changed code that did not run.
 */
import { addAll } from "@dmalab/runtime/basics";
import { formatCount } from "@dmalab/lang/text";
import type { NameMatch } from "@dmalab/lang/run";
import { C_FILE, type LinesRun } from "@dmalab/lang/values";
import { TreeBuild, TreeCompiler } from "@dmalab/c_drivers";
import { companionsOf, exportsIn, requestFilesOf, TreeReading } from "@dmalab/c_drivers/tree";
import { readTreeHeaders } from "@dmalab/cli";
import { type JobCount, OrderedPlan, runEndedBySignals } from "@dmalab/cli/extend";
import { TreeError } from "@dmalab/runtime/kernels";
import { openWithTree, type Tree } from "../diff_scenario.ts";
import { type AheadJob, type AheadMessage, changeInWords, runAhead } from "./run_ahead.ts";
import { type Change, changeOf, isHeader, mayDiffer, reaches } from "./reached_change.ts";
import {
  type ChangedFile,
  changedSettings,
  type UnreachedLine,
  unreachedLines,
} from "./changed_lines.ts";
import { isSettings, type UnexaminedFile, unexaminedFiles } from "./changed_kinds.ts";
import { BrokenChange, type Oracle } from "../oracles.ts";
import {
  loopDifference,
  type ReviewDifference,
  ScenarioDifferences,
  sequenceDifference,
} from "./differences.ts";
import { addLines, testsOf } from "./kept_runs.ts";
import { scenarioName } from "./own_scenarios.ts";
import type { ReviewStep } from "./series.ts";
import { isNotRun, type NotRun, TreeRuns } from "./tree_runs.ts";

/** A scenario of a review, and how much of it was compared. */
export interface ReviewedScenario {
  readonly path: string;
  /** Number of events and lines that were compared; null if the scenario could not be run. */
  readonly compared: number | null;
  /** Why the scenario did not run; null if it ran. */
  readonly problem: string | null;
}

/** The review of one change. */
export interface ReviewedStep {
  readonly step: ReviewStep;
  readonly scenarios: readonly ReviewedScenario[];
  readonly differences: readonly ReviewDifference[];
  readonly unreached: readonly UnreachedLine[];
  /** Number of changed lines of C that were examined. */
  readonly lines: number;
  /**
   * Messages of the compiler about the new files, without the messages that it also prints for the
   * old files.
   */
  readonly broken: readonly string[];
  /**
   * Scenarios that could not be compiled with one of the trees, for example because the compiler was
   * stopped. They prove nothing about the change.
   */
  readonly uncompiled: readonly string[];
  /** Changed files that were neither run nor compared. */
  readonly unexamined: readonly UnexaminedFile[];
  /** Parts that were requested by name and did not run: scenarios, or the tests of `--match`. */
  readonly notRun: readonly string[];
}

/** The scenarios, mapping code and tests to run, and a callback for progress messages. */
export interface ReviewOptions {
  readonly scenarios: readonly string[];
  /** Whether the user named the scenarios: then each of them must run. */
  readonly areNamed?: boolean;
  /** Mapping code to test with random sequences of operations. */
  readonly oracles: readonly Oracle[];
  readonly matches: readonly NameMatch[];
  readonly jobs: JobCount;
  readonly onProgress: (text: string) => void;
}

/** The random sequences for mapping code. */
const CASES = { count: 60, seed: 1 };

/** The findings of one change, while its scenarios run. */
class StepFindings {
  readonly scenarios: ReviewedScenario[] = [];
  readonly differences: ReviewDifference[] = [];
  readonly broken: string[] = [];
  readonly uncompiled: string[] = [];
  readonly notRun: string[] = [];
  /** Number of tests of the scenarios, as selected by `--match`. */
  tests = 0;
  /**
   * Whether a limit stopped a test with the new tree but not with the old one. No further tests of
   * the scenario are run then.
   */
  reachedLimit = false;
  readonly change: Change;
  readonly #ran = { old: new Map<string, LinesRun>(), new: new Map<string, LinesRun>() };

  /** @param files The changed C files and build settings. */
  constructor(readonly step: ReviewStep, readonly files: readonly ChangedFile[]) {
    this.change = changeOf(step, files);
  }

  /** Adds line coverage, by paths in the trees. */
  add(old: ReadonlyMap<string, LinesRun>, changed: ReadonlyMap<string, LinesRun>): void {
    for (const [name, lines] of old) addLines(this.#ran.old, name, lines);
    for (const [name, lines] of changed) addLines(this.#ran.new, name, lines);
  }

  /**
   * Adds a compiler message about the new tree, unless it was added before: several scenarios may
   * compile the same file.
   * @param said The message.
   */
  addBroken(said: string): void {
    if (!this.broken.includes(said)) this.broken.push(said);
  }

  all(): ReviewedStep {
    const { broken, differences, files, notRun, scenarios, step, uncompiled } = this;
    const unreached = files.flatMap(({ path, removed, added }) => [
      ...linesOf("old", step.old, path, removed, this.#ran.old),
      ...linesOf("new", step.new, path, added, this.#ran.new),
    ]);
    const lines = files.filter((file) => !isSettings(file)).reduce(
      (sum, { added, removed }) => sum + added.length + removed.length,
      0,
    );
    const unexamined = unexaminedFiles(step);
    const ran = { scenarios, differences, unreached, lines, broken };
    return { step, ...ran, uncompiled, unexamined, notRun };
  }
}

/** A review of one change after the other. */
export class Review {
  readonly #runs: TreeRuns;
  /** Number of changes that were reviewed. */
  #steps = 0;
  #clang: TreeCompiler | null = null;

  constructor(readonly options: ReviewOptions) {
    this.#runs = new TreeRuns(options.onProgress);
  }

  /** @throws {TreeError} */
  async step(step: ReviewStep): Promise<ReviewedStep> {
    const files = step.files.filter((file) =>
      file.special === undefined && (C_FILE.name.test(file.path) || isSettings(file))
    );
    const found = new StepFindings(step, files);
    const scenarios = files.length === 0
      ? []
      : this.options.scenarios.filter((path) => compiles(path, step, files));
    await this.#runAhead(scenarios, found.change);
    for (const path of scenarios) {
      if (found.reachedLimit) found.notRun.push(scenarioName(path));
      else await this.#scenario(path, found);
    }
    for (const oracle of files.length === 0 ? [] : this.options.oracles) {
      if (!drives(oracle, step, files)) continue;
      await this.#sequences(oracle, found);
    }
    if (this.options.matches.length > 0 && files.length > 0 && found.tests === 0) {
      found.notRun.push("no test has the name of --match");
    }
    return found.all();
  }

  /**
   * Runs the tests that will be compared, in several threads. Workers put their runs into the cache, from which this
   * thread reads them when their turn comes.
   */
  async #runAhead(scenarios: readonly string[], change: Change): Promise<void> {
    const { jobs, matches } = this.options;
    let hasRun = false;
    let reachedLimit = false;
    const shared = { matches, change: changeInWords(change), step: ++this.#steps };
    const plan = new OrderedPlan<AheadJob, AheadMessage>({
      count: scenarios.length,
      job: (number) => ({ kind: "review", number, path: scenarios[number]!, ...shared }),
      onEnd(end) {
        hasRun = true;
        reachedLimit ||= end.reachedLimit;
      },
      mayGoOn: () => !reachedLimit,
    });
    await runEndedBySignals(plan, {
      jobs,
      // Most scenarios share a driver: it is compiled once.
      isAlone: () => !hasRun,
      run: async ({ path }, send) => {
        const { reachedLimit } = await runAhead(path, change, matches, this.#runs);
        send({ kind: "end", reachedLimit });
      },
    });
  }

  /** Runs the tests of a scenario that reach the change, with both trees. */
  async #scenario(path: string, found: StepFindings): Promise<void> {
    const { step } = found;
    const old = await this.#runs.of(path, step.old);
    const changed = await this.#runs.of(path, step.new);
    if (isNotRun(old) || isNotRun(changed)) {
      const [{ problem, wrong }, ...more] = [old, changed].filter(isNotRun) as [NotRun];
      // An error with both trees is the scenario's own.
      if (more.length === 0 && wrong === "compiling") found.uncompiled.push(path);
      if (!isNotRun(old) && wrong === "C") found.addBroken(problem);
      else if (this.options.areNamed === true) found.notRun.push(path);
      found.scenarios.push({ path, compared: null, problem });
      return;
    }
    const tests = testsOf(old.program, this.options.matches);
    found.tests += tests.filter(({ number }) => number > 0).length;
    if (!mayDiffer([old, changed], found.change)) return;
    const differences = new ScenarioDifferences(path, step, old, changed);
    let compared = 0;
    for (const [at, test] of tests.entries()) {
      if (old.known(test) === null) old.run(test);
      const { hashes, outcome, ran } = old.known(test)!;
      if (!reaches(ran, old.code, found.change.functions)) continue;
      compared += hashes.length;
      await differences.compare(test);
      if (outcome.isLimit || changed.known(test)?.outcome.isLimit !== true) continue;
      // Each further test could reach the limit, too, which takes long.
      found.reachedLimit = true;
      const left = tests.length - at - 1;
      if (left > 0) found.notRun.push(`${formatCount(left, "test")} of ${scenarioName(path)}`);
      break;
    }
    await old.keep(true);
    await changed.keep(false);
    found.add(old.lines(tests), changed.lines(tests));
    for (const difference of differences.all) found.differences.push(difference);
    if (compared > 0) found.scenarios.push({ path, compared, problem: null });
  }

  /** Runs random sequences on mapping code of both trees. */
  async #sequences(oracle: Oracle, found: StepFindings): Promise<void> {
    const path = oracle.paths[0]!;
    this.options.onProgress(`random sequences on ${path}`);
    this.#clang ??= new TreeCompiler();
    const build = ({ files }: Tree) => new TreeBuild(files, this.#clang!);
    const { new: changed, old } = found.step;
    try {
      const ran = await oracle.compareCovered(build(old), build(changed), CASES);
      const { difference, notRun, operations } = ran.compared;
      found.add(...ran.lines);
      found.scenarios.push({ path, compared: operations, problem: null });
      if (difference !== null) {
        found.differences.push(sequenceDifference(path, difference, found.step));
      }
      if (ran.loop !== null) found.differences.push(loopDifference(path, ran.loop, found.step));
      if (notRun > 0) {
        found.notRun.push(
          `${notRun} of ${CASES.count} sequences on ${path}, after an endless loop`,
        );
      }
    } catch (error) {
      if (!(error instanceof BrokenChange)) throw error;
      found.addBroken(`${error.message}\n${error.hint}`);
      found.scenarios.push({ path, compared: null, problem: error.message });
    }
  }

  async close(): Promise<void> {
    await this.#clang?.close();
  }

  /**
   * Drops the runs of a tree. After a patch, the runs of the tree before it are no longer needed.
   */
  forget(tree: Tree): void {
    this.#runs.forget(tree);
  }
}

/**
 * Whether a build setting affects a source: the setting is in the source's folder or in a folder
 * above.
 */
function isSetBy(file: ChangedFile, source: string): boolean {
  const at = file.path.lastIndexOf("/");
  return isSettings(file) && source.startsWith(file.path.slice(0, at + 1));
}

/** Files of the block layer's request iterator; drivers that call it are linked with it. */
const ITERATING = /^block\//;

/**
 * Whether a scenario may compile one of the changed files. It compiles the sources of its drivers,
 * their headers, and possibly the request iterator.
 */
function compiles(path: string, step: ReviewStep, files: readonly ChangedFile[]): boolean {
  return [step.old, step.new].some((tree) => {
    const opened = openWithTree(path, tree);
    if (typeof opened === "string") throw new TreeError(opened, "give the path of a scenario");
    opened.load();
    const { makefiles, units } = TreeReading.of(tree.files);
    const drivers = [...opened.loader.trees.values()].flatMap((driver) => driver.files);
    const iterators = files.some((file) => ITERATING.test(file.path))
      ? [...exportsIn(requestFilesOf(tree.files)).keys()]
      : [];
    return drivers.some((driver) => {
      const sources = driver.path === null ? units.sourcesIn(driver.source.text) : [driver.path];
      if (files.some((file) => sources.includes(file.path))) return true;
      if (files.some((file) => sources.some((source) => isSetBy(file, source)))) return true;
      const texts = [driver.source.text, ...sources.map((path) => tree.files.text(path) ?? "")];
      for (const path of iterators.length === 0 ? [] : sources) {
        const others = companionsOf(tree.files, path, makefiles.moduleOf(path, () => true));
        addAll(texts, [...others].map(([, text]) => text));
      }
      if (iterators.some((name) => texts.some((text) => text.includes(`${name}(`)))) return true;
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

/**
 * Whether random sequences can test a change. They can if they run one of the changed files, and if
 * both trees have all files that the sequences need.
 */
function drives(
  oracle: Oracle,
  { new: changed, old }: ReviewStep,
  files: readonly ChangedFile[],
) {
  return files.some(({ path }) => oracle.needs.includes(path)) &&
    [old, changed].every((tree) => oracle.lacking(tree).length === 0);
}

function linesOf(
  side: UnreachedLine["side"],
  tree: Tree,
  path: string,
  changed: readonly number[],
  run: ReadonlyMap<string, LinesRun>,
): readonly UnreachedLine[] {
  const text = tree.files.text(path) ?? "";
  const lines = isSettings({ path })
    ? changedSettings(text, changed)
    : unreachedLines(text, changed, run.get(path) ?? null);
  return lines.map((line) => ({ path, side, ...line }));
}
