/** Runs a program: its statements, then its tests, each on a separate machine. */
import { spanPlace } from "../source.ts";
import { NO_OUTPUT, type PlannedRun } from "./replay_run.ts";
import { isNamed } from "./name_match.ts";
import type { Program } from "./program.ts";
import type { RunnableTest, TestEntry } from "./test_entry.ts";
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
import { type EntryNames, TestTally } from "./tally.ts";

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
  const run = new ProgramRun(engine, program, sharedOptions(options));
  const outcomes: TestOutcome[] = [];
  const finished = (outcome: TestOutcome) => {
    outcomes.push(outcome);
    options.onOutcome?.(outcome);
  };
  if (options.only !== "tests" && program.main !== null) finished(run.main(program.main));
  const tests = program.tests.filter(({ kind }) => kind !== "bench");
  const { failFast = false, match = [], select = () => true } = options;
  const wanted = tests.filter((test, number) => select(number) && isNamed(test, match));
  for (const test of wanted) {
    if (run.options.stopped() || failFast && outcomes.some(({ failure }) => failure !== null)) {
      break;
    }
    finished(run.test(test));
  }
  const complete = wanted.length === tests.length &&
    outcomes.every(({ outcome }) => outcome === "passed");
  return {
    file: program.source.name,
    names: tests.map(displayName),
    outcomes,
    counts: countOutcomes(outcomes, tests.length - wanted.length, wanted.length),
    unreached: neverReached(program, wanted, outcomes, run.reached, complete),
    limitReached: outcomes.some(({ failure }) => failure?.kind === "limit"),
  };
}

/** Runs one test or property. @param engine What draws a property's cases. */
export function runTestWith(
  engine: CaseEngine | null,
  program: Program,
  test: RunnableTest,
  options: InspectedRunOptions = {},
): TestOutcome {
  return new ProgramRun(engine, program, sharedOptions(options)).test(test);
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
  const { branch, ...shared } = sharedOptions({ ...options, attributeDefects: false });
  if (test.kind !== "property") return { ...test, branch };
  const own = { ...shared, branch: undefined };
  return { ...new ProgramRun(engine, program, own).tally(test).shown ?? test, branch };
}

/** Runs parts of a program, and notes which expectations they came to. */
class ProgramRun {
  readonly reached = new Set<number>();

  constructor(
    readonly engine: CaseEngine | null,
    readonly program: Program,
    readonly options: SharedOptions,
  ) {}

  main(functionIndex: number): TestOutcome {
    const { code, machine: { config }, variant } = this.program;
    const place = spanPlace(code.functions[functionIndex]!.span);
    const entry = { kind: "main", name: "", combination: "", place, functionIndex } as const;
    const tally = this.#tally(entry, config.seed);
    tally.run({ config, variant, functionIndex, args: [], branch: this.options.branch });
    return tally.outcome();
  }

  test(test: RunnableTest): TestOutcome {
    return test.skip ? this.#tallyOf(test).skipped() : this.tally(test).outcome();
  }

  tally(test: RunnableTest): TestTally {
    const tally = this.#tallyOf(test);
    const { branch } = this.options;
    if (test.kind === "test") tally.run({ ...test, branch });
    else if (branch === undefined) runProperty(this.engine, test, tally, this.options.machine);
    else tally.run({ ...this.#shownCase(test), branch });
    return tally;
  }

  /** The case of a property that `--branch` is about: the one that is shown. */
  #shownCase(test: RunnableTest): PlannedRun {
    const { branch: _, machine, ...others } = this.options;
    const silent = { ...machine, output: NO_OUTPUT, onEvent: undefined, attributeDefects: false };
    const options = { ...others, branch: undefined, machine: silent, onRun: undefined };
    return new ProgramRun(this.engine, this.program, options).tally(test).shown ?? test;
  }

  #tallyOf({ combination, config, functionIndex, kind, name, span }: RunnableTest): TestTally {
    if (kind === "bench") throw new Error("A bench is run by runBench()");
    const entry = { kind, name, combination, place: spanPlace(span), functionIndex };
    return this.#tally(entry, config.seed);
  }

  #tally(entry: EntryNames, seed: number): TestTally {
    return new TestTally(this.program, entry, seed, this.options, this.reached);
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
