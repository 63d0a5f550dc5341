/** Runs a program: its statements, then its tests, each on a separate machine. */
import { spanPlace } from "../source.ts";
import { Attempts, type PlannedRun } from "./attempts.ts";
import { NO_OUTPUT } from "./replay_run.ts";
import { isNamed } from "./name_match.ts";
import type { Program } from "./program.ts";
import { type RunnableTest, statementsEntry, type TestEntry } from "./test_entry.ts";
import type { CaseEngine } from "./property/property_cases.ts";
import { runProperty } from "./property/property_run.ts";
import {
  displayName,
  type LocationText,
  type RunCounts,
  type RunReport,
  type TestOutcome,
} from "./report.ts";
import {
  type InspectedRunOptions,
  type RunOptions,
  type SharedOptions,
  sharedOptions,
} from "./run_options.ts";
import { TestTally } from "./tally.ts";

/**
 * Runs a program's statements and tests. `runBench` runs benches.
 *
 * @param engine Draws the cases of properties; a program without properties needs no engine.
 */
export function runProgramWith(
  engine: CaseEngine | null,
  program: Program,
  options: RunOptions = {},
): RunReport {
  const run = new ProgramRun(engine, program, sharedOptions(options));
  const tests = program.tests.filter(({ kind }) => kind !== "bench");
  const { failFast = false, match = [], only = "all", select = () => true } = options;
  const wanted = tests.filter((test, number) => select(number) && isNamed(test, match));
  const statements = only === "tests" ? null : statementsEntry(program);
  const main = statements && { ...statements, kind: "main" as const, name: "" };
  const outcomes: TestOutcome[] = [];
  for (const test of main === null ? wanted : [main, ...wanted]) {
    const isOver = run.options.stopped() || failFast && outcomes.some(isFailed);
    if (isOver && test !== main) break;
    const { outcome } = run.test(test);
    outcomes.push(outcome);
    options.onOutcome?.(outcome);
  }
  const isWhole = options.branch === undefined;
  const complete = wanted.length === tests.length &&
    outcomes.every(({ outcome }) => outcome === "passed");
  return {
    file: program.source.name,
    names: tests.map(displayName),
    outcomes,
    counts: countOutcomes(outcomes, tests.length - wanted.length, wanted.length),
    unreached: isWhole ? neverReached(program, wanted, outcomes, run.reached, complete) : [],
    limitReached: outcomes.some(({ failure }) => failure?.kind === "limit"),
  };
}

function isFailed({ failure }: TestOutcome): boolean {
  return failure !== null;
}

/** Runs one test or property. @param engine Draws a property's cases. */
export function runTestWith(
  engine: CaseEngine | null,
  program: Program,
  test: RunnableTest,
  options: InspectedRunOptions = {},
): TestOutcome {
  return new ProgramRun(engine, program, sharedOptions(options)).test(test).outcome;
}

/**
 * Returns the run that is shown for a test or a property. For a property, this is the smallest case
 * that fails, or the last case if none fails.
 */
export function shownRun(
  engine: CaseEngine | null,
  program: Program,
  test: TestEntry,
  options: RunOptions = {},
): PlannedRun {
  const { branch, ...shared } = sharedOptions({ ...options, attributeDefects: false });
  if (test.kind !== "property") return { ...test, branch };
  const own = { ...shared, branch: undefined };
  return { ...new ProgramRun(engine, program, own).test(test).shown, branch };
}

/** A test, a property, or the statements at the top of a file (`main`). */
type AnyRun = Omit<RunnableTest, "kind"> & { readonly kind: RunnableTest["kind"] | "main" };

/** Runs parts of a program, and records which expectations were reached. */
class ProgramRun {
  readonly reached = new Set<number>();

  constructor(
    readonly engine: CaseEngine | null,
    readonly program: Program,
    readonly options: SharedOptions,
  ) {}

  /**
   * Runs a test on its machine, or the cases of a property on many machines.
   * @returns The outcome, and the run that is shown.
   */
  test(test: AnyRun): { readonly outcome: TestOutcome; readonly shown: PlannedRun } {
    const { combination, config, functionIndex, kind, name, skip, span } = test;
    if (kind === "bench") throw new Error("A bench is run by runBench()");
    const { branch, machine: { seed = config.seed } } = this.options;
    const names = { kind, name, combination, place: spanPlace(span) };
    const entry = { ...names, functionIndex, seed };
    const tally = new TestTally(this.program, entry, this.options, this.reached);
    if (skip) return { outcome: tally.skipped(), shown: test };
    const attempts = new Attempts(this.program, names, seed, this.options);
    if (kind === "property" && branch === undefined) {
      runProperty(this.engine, test, attempts, tally);
    } else {
      const run = { ...kind === "property" ? this.#shownCase(test) : test, branch };
      const result = attempts.run(run);
      const attribution = attempts.attributionOf(result, run);
      tally.add(result, attribution);
      if (result.failure !== null) tally.fail(result.failure, [], attribution);
      attempts.release(result);
    }
    return { outcome: tally.outcome(), shown: attempts.shown ?? test };
  }

  /**
   * The case to which `--branch` applies if the test is a property. It is the case that is shown
   * after a run of the property.
   */
  #shownCase(test: AnyRun): PlannedRun {
    const { branch: _, machine, ...others } = this.options;
    const silent = { ...machine, output: NO_OUTPUT, onEvent: undefined, attributeDefects: false };
    const options = { ...others, branch: undefined, machine: silent, onRun: undefined };
    return new ProgramRun(this.engine, this.program, options).test(test).shown;
  }
}

function countOutcomes(
  outcomes: readonly TestOutcome[],
  filtered: number,
  wanted: number,
): RunCounts {
  const tests = outcomes.filter(({ kind }) => kind !== "main");
  const sum = (of: (outcome: TestOutcome) => number) =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return {
    passed: tests.filter(({ outcome }) => outcome === "passed").length,
    failed: tests.filter(({ outcome }) => outcome === "failed").length,
    skipped: tests.filter(({ outcome }) => outcome === "skipped").length,
    filtered,
    notRun: wanted - tests.length,
    assertions: sum(({ assertions }) => assertions),
    reports: sum(({ unexpectedReports }) => unexpectedReports),
    faults: sum(({ unexpectedFaults }) => unexpectedFaults),
    leaks: sum(({ leaks }) => leaks),
  };
}

/**
 * Expectations that no test reached, of two kinds: those in tests that passed on every machine,
 * and, if all tests ran and passed, those in functions of the file.
 */
function neverReached(
  program: Program,
  tests: readonly TestEntry[],
  outcomes: readonly TestOutcome[],
  reached: ReadonlySet<number>,
  complete: boolean,
): readonly LocationText[] {
  const failed = new Set(
    outcomes.filter(({ outcome }) => outcome !== "passed").map(({ place }) => place),
  );
  const bodies = new Set(
    tests.filter(({ span }) => !failed.has(spanPlace(span))).map((test) => test.functionIndex),
  );
  const { expectations, functions } = program.code;
  const places: LocationText[] = [];
  functions.forEach((code, index) => {
    const own = code.role === "function" && complete && code.span.source === program.source;
    if (!own && !bodies.has(index)) return;
    for (const expectation of code.expectations) {
      if (!reached.has(expectation)) places.push(spanPlace(expectations[expectation]!));
    }
  });
  return places;
}
