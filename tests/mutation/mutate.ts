/** Tries mutants on several processes. */
import { TempFolder } from "@dmalab/tools";
import type { Candidate } from "./candidates.ts";
import { type Choice, Plan } from "./plan.ts";
import { type Clean, NO_MUTANT, type Order, type TestName } from "./protocol.ts";
import { type Outcome, Runner } from "./runner.ts";
import type { Mutant } from "./schemata.ts";
import { allSources, writeTree } from "./tree.ts";
import { findUses, type Use } from "./uses.ts";

export type Fate = "killed" | "survived" | "not reached";

/** The result of trying a change. */
export interface Result {
  readonly candidate: Candidate;
  readonly fate: Fate;
  /** The test that failed, or how the process ended. */
  readonly killer: string | null;
  /** The file of that test; null if it is not known. */
  readonly killerFile: string | null;
  /** Name of the stage with the tests that noticed the change; null if none did. */
  readonly stage: string | null;
  readonly ms: number;
}

/**
 * A set of tests. A change is tried with the tests of a stage if the stages before did not notice
 * the change.
 */
export interface Stage {
  readonly name: string;
  /** Paths from the project's folder. */
  readonly testFiles: readonly string[];
  readonly choice: Choice;
  /**
   * Whether a failure is confirmed when the change acts at load: the test that failed is run again
   * in another process without the change, and must pass there.
   */
  readonly confirmAtLoad: boolean;
}

export interface MutationRun {
  readonly root: string;
  readonly candidates: readonly Candidate[];
  readonly stages: readonly Stage[];
  readonly jobs: number;
  /** Whether only tests of the short suite are run. */
  readonly short: boolean;
  /** Whether every test that reaches a change is run, however long that takes. */
  readonly thorough: boolean;
  /** The time when the run ends, in milliseconds of `performance.now()`. */
  readonly deadlineMs: number;
  note(line: string): void;
  done(result: Result): void;
}

/** A test is stopped after this time plus `SLOWER` times its duration without a change. */
const SLACK_MS = 10_000;
const SLOWER = 10;
/** Deno's message if a process may not start another. */
const STARTS_PROCESS = "Requires run access";
const LOAD_LIMIT_MS = 120_000;

/** Tries every candidate, until the time is over. */
export async function mutate(run: MutationRun): Promise<void> {
  using tree = new TempFolder();
  const mutants = run.candidates.map((candidate, id) => ({ ...candidate, id }));
  const uses = findUses(run.root, allSources(run.root), mutants);
  const runners = Array.from(
    { length: run.jobs },
    () => new Runner(tree.path, mutants.length, uses.marks.length),
  );
  try {
    writeTree(run.root, tree.path, mutants, uses.marks);
    let left: readonly Mutant[] = mutants;
    const results = new Map<number, Result>();
    for (const [index, stage] of run.stages.entries()) {
      const isLast = index === run.stages.length - 1;
      left = await tryStage(run, { ...stage, isLast, uses: uses.of }, left, runners, results);
    }
    // If the time was over before the last stage tried some mutants, their results of earlier
    // stages are reported here.
    for (const result of results.values()) run.done(result);
  } finally {
    for (const runner of runners) await runner.end();
  }
}

interface RunStage extends Stage {
  readonly isLast: boolean;
  /** For each mutant that acts at load, the users of the value that the mutant changes. */
  readonly uses: ReadonlyMap<number, Use>;
}

/**
 * Tries the remaining mutants with the tests of one stage.
 *
 * @param results The results of the mutants that no earlier stage has noticed.
 * @returns The mutants that no test of this stage has noticed either.
 */
async function tryStage(
  run: MutationRun,
  stage: RunStage,
  mutants: readonly Mutant[],
  runners: readonly Runner[],
  results: Map<number, Result>,
): Promise<Mutant[]> {
  if (mutants.length === 0) return [];
  const plan = new Plan(run.root, stage.choice, run.thorough);
  await measureAll(run, stage, mutants, plan, runners);
  // Tests that were not measured may reach any change. Therefore no change is judged before all
  // tests are measured.
  if (performance.now() >= run.deadlineMs) {
    run.note(`the time was over before the tests ${stage.name} were measured`);
    return [...mutants];
  }
  const waiting = inOrder(mutants, plan);
  const left: Mutant[] = [];
  await Promise.all(runners.map(async (runner) => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (performance.now() >= run.deadlineMs) return;
      const result = await tryMutant(next, stage, plan, runner);
      const before = results.get(next.id);
      results.delete(next.id);
      if (result.fate === "killed") {
        run.done(result);
        continue;
      }
      left.push(next);
      const fate = before?.fate === "survived" ? "survived" : result.fate;
      const known = { ...result, fate, ms: (before?.ms ?? 0) + result.ms };
      if (stage.isLast) run.done(known);
      else results.set(next.id, known);
    }
  }));
  run.note(`${left.length} changes are not noticed by the tests ${stage.name}`);
  return [...left, ...waiting].toSorted((a, b) => a.id - b.id);
}

/** The clean run: every test once, on the copy with all mutants switched off. */
async function measureAll(
  run: MutationRun,
  { name, testFiles }: Stage,
  mutants: readonly Mutant[],
  plan: Plan,
  runners: readonly Runner[],
): Promise<void> {
  const changed = new Set(mutants.map(({ path }) => path));
  const waiting = testFiles.filter((file) => plan.loadsAny(file, changed)).toReversed();
  let processes = 0;
  const measured = new Map<string, Clean>();
  await Promise.all(runners.map(async (runner) => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      const leftMs = run.deadlineMs - performance.now();
      if (leftMs <= 0) return;
      const outcome = await runner.obey(
        { kind: "measure", file, short: run.short },
        () => Math.min(LOAD_LIMIT_MS, leftMs),
      );
      if (performance.now() >= run.deadlineMs) return;
      if (outcome.kind === "lost") {
        run.note(`left out: ${file}: ${outcome.reason} in ${outcome.at}`);
      }
      if (outcome.kind !== "measured") continue;
      if (outcome.failure !== null) run.note(`left out: ${file}: ${outcome.failure}`);
      for (const { name, failure } of outcome.tests) {
        if (failure?.startsWith(STARTS_PROCESS)) processes++;
        else if (failure !== null) run.note(`left out: ${file}: ${name}: ${failure}`);
      }
      measured.set(file, outcome);
    }
  }));
  if (performance.now() >= run.deadlineMs) return;
  if (processes > 0) run.note(`left out: ${processes} tests that start processes`);
  let count = 0;
  let ms = 0;
  for (const file of testFiles) {
    const clean = measured.get(file) ?? { asksAtLoad: [], usedAtLoad: [], tests: [] };
    plan.add(file, clean);
    count += clean.tests.length;
    ms += clean.tests.reduce((sum, test) => sum + test.ms, 0);
  }
  run.note(
    `${name}: ${mutants.length} changes, ${
      mutants.filter(({ id }) => plan.actsAtLoad(id)).length
    } of them at load`,
  );
  run.note(
    `${count} tests of ${testFiles.length} files take ${(ms / 1000).toFixed(1)} s unchanged`,
  );
}

/**
 * Sorts mutants; the last mutant of the list is tried first. Mutants of neighbouring places are
 * tried one after another, because their tests are loaded already. Mutants that need a separate
 * process are tried at the end.
 */
function inOrder(mutants: readonly Mutant[], plan: Plan): Mutant[] {
  return mutants.toSorted((a, b) =>
    Number(plan.actsAtLoad(b.id)) - Number(plan.actsAtLoad(a.id)) || b.id - a.id
  );
}

async function tryMutant(
  mutant: Mutant,
  { confirmAtLoad, name, uses }: RunStage,
  plan: Plan,
  runner: Runner,
): Promise<Result> {
  const start = performance.now();
  const result = (fate: Fate, killer: Killer | null): Result => ({
    candidate: mutant,
    fate,
    killer: killer?.name ?? null,
    killerFile: killer?.file ?? null,
    stage: fate === "killed" ? name : null,
    ms: Math.round(performance.now() - start),
  });
  const asksOfClean = plan.mostAsks(mutant.id);
  const limitMs: Limit = (test) =>
    test === null ? LOAD_LIMIT_MS : SLACK_MS + SLOWER * plan.msOf(test);
  const tests = plan.testsOf(mutant.id, mutant.path);
  if (tests.length > 0) {
    const order = { kind: "try", mutant: mutant.id, asksOfClean, atLoad: false, tests } as const;
    const killer = await killerOf(order, limitMs, runner, true);
    if (killer !== null) return result("killed", killer);
  }
  if (plan.actsAtLoad(mutant.id)) {
    const atLoad = plan.testsAtLoad(uses.get(mutant.id)!, mutant.path);
    const order = { kind: "try", mutant: mutant.id, asksOfClean, atLoad: true, tests: atLoad };
    const killer = await killerOf(order as TryOrder, limitMs, runner, confirmAtLoad);
    if (killer !== null) return result("killed", killer);
    return result("survived", null);
  }
  return result(tests.length > 0 ? "survived" : "not reached", null);
}

type TryOrder = Order & { readonly kind: "try" };
type Limit = (test: TestName | null) => number;

/**
 * The first test that notices a mutant, with its error. If the test took too long, or ended
 * together with its process, a busy host may be the cause. Such a test counts only if this happens
 * again in a new process, and if the test passes in a process without the mutant.
 *
 * @param confirm Whether a test that fails must pass without the mutant.
 */
async function killerOf(
  order: TryOrder,
  limitMs: Limit,
  runner: Runner,
  confirm: boolean,
): Promise<Killer | null> {
  let { tests } = order;
  while (tests.length > 0) {
    const outcome = await runner.obey({ ...order, tests }, limitMs);
    const suspect = suspectOf(outcome);
    if (suspect === null) return null;
    const { test, name, isSure } = suspect;
    const killer = { name, file: test?.file ?? null };
    if (isSure || (!confirm && outcome.kind !== "lost")) return killer;
    // The process was lost before any test began. No mutant causes this, so nothing is known about
    // the mutant.
    if (test === null) return null;
    if (await isNoticedAlone({ ...order, tests: [test] }, limitMs, runner)) return killer;
    const at = tests.findIndex(({ file, index }) => file === test.file && index === test.index);
    tests = tests.slice(at + 1);
  }
  return null;
}

/** A test that notices a mutant. */
interface Killer {
  readonly name: string;
  /** Null if it is not known. */
  readonly file: string | null;
}

interface Suspect {
  readonly test: TestName | null;
  readonly name: string;
  readonly isSure: boolean;
}

/** The suspect of an outcome: the test that failed or was running; null if all tests passed. */
function suspectOf(outcome: Outcome): Suspect | null {
  if (outcome.kind === "lost") {
    const { test, reason, at } = outcome;
    return { test, name: `${reason}: ${at}`, isSure: false };
  }
  if (outcome.kind === "measured" || outcome.failed === null) return null;
  const { test, name, passesWithout } = outcome.failed;
  return { test, name, isSure: passesWithout === true };
}

/**
 * Whether one test passes in a process without the mutant, and fails in another process with the
 * mutant.
 */
async function isNoticedAlone(order: TryOrder, limitMs: Limit, runner: Runner): Promise<boolean> {
  await runner.end();
  const without = await runner.obey({ ...order, mutant: NO_MUTANT }, limitMs);
  await runner.end();
  if (suspectOf(without) !== null) return false;
  const again = await runner.obey(order, (test) => 2 * limitMs(test));
  await runner.end();
  return suspectOf(again) !== null;
}
