/** Runs a program: its statements, then its tests, each on a machine of its own. */
import { spanPlace } from "../source.ts";
import type { PlannedRun } from "./replay_run.ts";
import { isNamed } from "./name_match.ts";
import type { Program } from "./program.ts";
import type { TestEntry } from "./test_entry.ts";
import type { CaseEngine } from "./property/property_cases.ts";
import { runProperty } from "./property/property_run.ts";
import {
  displayName,
  type LocationText,
  type RunCounts,
  type RunReport,
  type TestOutcome,
} from "./report.ts";
import { type RunOptions, type SharedOptions, sharedOptions } from "./run_options.ts";
import { TestTally } from "./tally.ts";

/**
 * Runs a program's statements and tests. Benches are run by `runBench`.
 *
 * @param engine What draws the cases of properties; a program without any needs none.
 */
export function runProgramWith(
  engine: CaseEngine | null,
  program: Program,
  options: RunOptions = {},
): RunReport {
  const shared = sharedOptions(options);
  const outcomes: TestOutcome[] = [];
  const reached = new Set<number>();
  const finished = (outcome: TestOutcome) => {
    outcomes.push(outcome);
    options.onOutcome?.(outcome);
  };
  if (options.only !== "tests" && program.main !== null) {
    finished(runMain(program, program.main, shared, reached));
  }
  const tests = program.tests.filter(({ kind }) => kind !== "bench");
  const { select = () => true } = options;
  const { failFast = false, match = [] } = options;
  const wanted = tests.filter((test, number) => select(number) && isNamed(test, match));
  for (const test of wanted) {
    if (shared.stopped() || failFast && outcomes.some(({ failure }) => failure !== null)) break;
    finished(runEntry(engine, program, test, shared, reached));
  }
  const complete = wanted.length === tests.length &&
    outcomes.every(({ outcome }) => outcome === "passed");
  return {
    file: program.source.name,
    names: tests.map(displayName),
    outcomes,
    counts: countOutcomes(outcomes, tests.length - wanted.length, wanted.length),
    unreached: neverReached(program, wanted, outcomes, reached, complete),
    limitReached: outcomes.some(({ failure }) => failure?.kind === "limit"),
  };
}

/** Runs one test or property. @param engine What draws a property's cases. */
export function runTestWith(
  engine: CaseEngine | null,
  program: Program,
  test: TestEntry,
  options: RunOptions = {},
): TestOutcome {
  return runEntry(engine, program, test, sharedOptions(options), new Set());
}

/**
 * The one run of a test or property that is shown: of a property the smallest
 * case that fails, or else the last one.
 */
export function shownRun(
  engine: CaseEngine | null,
  program: Program,
  test: TestEntry,
  options: RunOptions = {},
): PlannedRun {
  if (test.kind !== "property") return test;
  const shared = sharedOptions({ ...options, attributeDefects: false });
  return tallyOf(engine, program, test, shared, new Set()).shown ?? test;
}

function runMain(
  program: Program,
  functionIndex: number,
  options: SharedOptions,
  reached: Set<number>,
): TestOutcome {
  const { config } = program.machine;
  const place = spanPlace(program.code.functions[functionIndex]!.span);
  const entry = { kind: "main", name: "", combination: "", place, functionIndex } as const;
  const tally = new TestTally(program, entry, config.seed, options, reached);
  tally.run({ config, variant: program.variant, functionIndex, args: [] });
  return tally.outcome();
}

function runEntry(
  engine: CaseEngine | null,
  program: Program,
  test: TestEntry,
  options: SharedOptions,
  reached: Set<number>,
): TestOutcome {
  if (!test.skip) return tallyOf(engine, program, test, options, reached).outcome();
  return newTally(program, test, options, reached).skipped();
}

function tallyOf(
  engine: CaseEngine | null,
  program: Program,
  test: TestEntry,
  options: SharedOptions,
  reached: Set<number>,
): TestTally {
  const tally = newTally(program, test, options, reached);
  if (test.kind === "test") tally.run(test);
  else runProperty(engine, test, tally, options.machine);
  return tally;
}

function newTally(
  program: Program,
  test: TestEntry,
  options: SharedOptions,
  reached: Set<number>,
): TestTally {
  const { combination, functionIndex, kind, name } = test;
  if (kind === "bench") throw new Error("A bench is run by runBench()");
  const place = spanPlace(test.span);
  const entry = { kind, name, combination, place, functionIndex };
  return new TestTally(program, entry, test.config.seed, options, reached);
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
 * Expectations that no test came to: those in tests that passed on every machine, and, when all
 * tests ran and passed, those in functions of the file.
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
