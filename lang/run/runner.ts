/** Runs a program: its statements, then its tests, each on a machine of its own. */
import type { MachineEvent } from "../../runtime/events.ts";
import { spanPlace } from "../source.ts";
import type { Failure } from "../vm/failure.ts";
import { DEFAULT_LIMITS, type Limits } from "../vm/limits.ts";
import { LimitError } from "../vm/script_error.ts";
import type { Value } from "../vm/value.ts";
import { formatValue } from "../render/value_text.ts";
import type { Output } from "../vm/vm_core.ts";
import {
  describeIncident,
  describeRaceIncident,
  judgeIncidents,
  unexpectedIncidents,
} from "./incidents.ts";
import type { Program, TestEntry } from "./program.ts";
import { propertyCases } from "./property_cases.ts";
import { type FailureStyle, renderFailure } from "./render_failure.ts";
import {
  displayName,
  type FailureReport,
  type Incident,
  type Place,
  type RunCounts,
  type RunReport,
  type TestOutcome,
} from "./report.ts";
import { SideRuns } from "./side_runs.ts";
import { type MachineOptions, startMachine, TestMachine } from "./test_machine.ts";

/** Incidents of one test that are listed; the others are counted. */
const LISTED_INCIDENTS = 20;

export interface RunOptions {
  /** `all`: the statements at the top of the file and the tests; `tests`: only these. */
  readonly only?: "all" | "tests";
  /** Only tests whose name, or whose machine, contains this text. */
  readonly match?: string;
  /** Instead of the seeds the file names. */
  readonly seed?: number;
  readonly limits?: Limits;
  /** Gets every line of `print`, `show` and `explain` when it is written. */
  readonly onLine?: (text: string) => void;
  /** Gets every event of every test's machine. */
  readonly onEvent?: (event: MachineEvent) => void;
  /** Gets each outcome as soon as it is known. */
  readonly onOutcome?: (outcome: TestOutcome) => void;
  /** Colours for the lines of failures. */
  readonly style?: FailureStyle;
}

/** Runs a program's statements and tests. Benches are run by `runBench`. */
export function runProgram(program: Program, options: RunOptions = {}): RunReport {
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
  const wanted = matching(tests, options.match);
  for (const test of wanted) {
    if (shared.outputStopped()) break;
    finished(runEntry(program, test, shared, reached));
  }
  const complete = wanted.length === tests.length &&
    outcomes.every(({ outcome }) => outcome === "passed");
  return {
    file: program.source.name,
    outcomes,
    counts: countOutcomes(outcomes, tests.length - wanted.length),
    unreached: neverReached(program, wanted, outcomes, reached, complete),
    limitReached: outcomes.some(({ failure }) => failure?.kind === "limit"),
  };
}

/** Runs one test or property. */
export function runTest(program: Program, test: TestEntry, options: RunOptions = {}): TestOutcome {
  return runEntry(program, test, sharedOptions(options), new Set());
}

/** The tests whose name, or whose machine, contains a text. */
export function matching<T extends { readonly name: string; readonly combination: string }>(
  tests: readonly T[],
  match: string | undefined,
): readonly T[] {
  return match === undefined ? tests : tests.filter((test) => displayName(test).includes(match));
}

/** Options in the form that every test gets them; the output's limit is one for the whole run. */
export interface SharedOptions {
  readonly machine: Omit<MachineOptions, "record">;
  readonly style: FailureStyle | undefined;
  /** True when the output's limit was reached: further tests could not say anything. */
  readonly outputStopped: () => boolean;
}

export function sharedOptions(options: RunOptions): SharedOptions {
  const limits = options.limits ?? DEFAULT_LIMITS;
  const output = new LimitedOutput(limits.outputLines, options.onLine);
  return {
    machine: {
      limits,
      output,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    },
    style: options.style,
    outputStopped: () => output.stopped,
  };
}

/** Hands lines on until there were too many. */
export class LimitedOutput implements Output {
  stopped = false;
  #left: number;

  constructor(readonly limitLines: number, readonly onLine: ((text: string) => void) | undefined) {
    this.#left = limitLines;
  }

  write(line: string): void {
    if (this.#left === 0) {
      this.stopped = true;
      throw new LimitError(
        "E0804",
        `The script wrote more than ${this.limitLines} lines`,
        "`--max-output` sets the limit",
      );
    }
    this.#left--;
    this.onLine?.(line);
  }
}

function runMain(
  program: Program,
  functionIndex: number,
  options: SharedOptions,
  reached: Set<number>,
): TestOutcome {
  const tally = new Tally(program, program.machine.config.seed, options, reached);
  tally.run({ config: program.machine.config, variant: program.variant }, functionIndex, []);
  return tally.outcome({
    kind: "main",
    name: "",
    combination: "",
    place: spanPlace(program.code.functions[functionIndex]!.span),
    functionIndex,
  });
}

function runEntry(
  program: Program,
  test: TestEntry,
  options: SharedOptions,
  reached: Set<number>,
): TestOutcome {
  const tally = new Tally(program, test.config.seed, options, reached);
  const { combination, functionIndex, kind, name } = test;
  if (kind === "bench") throw new Error("A bench is run by runBench()");
  const place = spanPlace(test.span);
  const entry = { kind, name, combination, place, functionIndex };
  if (test.skip) return tally.skipped(entry);
  if (kind === "test") {
    tally.run(test, functionIndex, []);
    return tally.outcome(entry);
  }
  const random = program.registry.random(tally.seed);
  for (const values of propertyCases(test.forall, random)) {
    if (!tally.run(test, functionIndex, values, test)) break;
  }
  return tally.outcome(entry);
}

interface EntryNames {
  readonly kind: TestOutcome["kind"];
  readonly name: string;
  readonly combination: string;
  readonly place: Place;
  readonly functionIndex: number;
}

/** Sums up what one test did on its machine, or one property on many. */
class Tally {
  readonly seed: number;
  readonly #program: Program;
  readonly #options: SharedOptions;
  readonly #reachedByAll: Set<number>;
  readonly #reached = new Set<number>();
  readonly #incidents: Incident[] = [];
  #failure: FailureReport | null = null;
  #assertions = 0;
  #cases = 0;
  #faults = 0;
  #reports = 0;
  #durationNs = 0;
  #events = 0;

  constructor(program: Program, seed: number, options: SharedOptions, reachedByAll: Set<number>) {
    this.#program = program;
    this.#options = options;
    this.#reachedByAll = reachedByAll;
    this.seed = options.machine.seed ?? seed;
  }

  /** Runs the code on a fresh machine. False when it failed. */
  run(
    { config, variant }: Pick<TestEntry, "config" | "variant">,
    functionIndex: number,
    args: readonly Value[],
    property: TestEntry | null = null,
  ): boolean {
    const options = { ...this.#options.machine, record: true };
    const { span } = this.#program.code.functions[functionIndex]!;
    const machine = startMachine(this.#program, config, options, span);
    if (!(machine instanceof TestMachine)) {
      this.#failure = this.#report(machine, []);
      return false;
    }
    const start = { functionIndex, args };
    machine.vm.runs = new SideRuns(this.#program, config, [variant], options, start);
    const failure = machine.run(functionIndex, args) ?? judgeIncidents(machine.vm);
    const { vm, world } = machine;
    this.#cases++;
    this.#assertions += vm.assertions;
    this.#durationNs += world.nowNs();
    this.#events += world.stream.seq;
    for (const expectation of vm.reached) {
      this.#reached.add(expectation);
      this.#reachedByAll.add(expectation);
    }
    this.#addIncidents(machine);
    if (failure === null) return true;
    const notes = property === null ? [] : [this.#caseText(property, args, machine)];
    this.#failure = this.#report(failure, notes);
    return false;
  }

  outcome(entry: EntryNames): TestOutcome {
    const outcome = this.#failure === null ? "passed" : "failed";
    return { ...this.#numbers(entry), outcome, failure: this.#failure };
  }

  skipped(entry: EntryNames): TestOutcome {
    return { ...this.#numbers(entry), outcome: "skipped", failure: null, unreached: [] };
  }

  #numbers(entry: EntryNames): Omit<TestOutcome, "outcome" | "failure"> {
    const { functionIndex, ...names } = entry;
    const { expectations, functions } = this.#program.code;
    return {
      ...names,
      seed: this.seed,
      assertions: this.#assertions,
      cases: this.#cases,
      incidents: this.#incidents,
      unexpectedFaults: this.#faults,
      unexpectedReports: this.#reports,
      unreached: functions[functionIndex]!.expectations
        .filter((expectation) => !this.#reached.has(expectation))
        .map((expectation) => spanPlace(expectations[expectation]!.span)),
      durationNs: this.#durationNs,
      events: this.#events,
    };
  }

  #addIncidents(machine: TestMachine): void {
    const { vm } = machine;
    const style = this.#options.style;
    const incidents = [
      ...unexpectedIncidents(vm).map((event) => describeIncident(event, vm, style)),
      ...vm.raceIncidents.map((incident) => describeRaceIncident(incident, style)),
    ];
    for (const incident of incidents) {
      if (incident.kind === "fault") this.#faults++;
      else this.#reports++;
      if (this.#incidents.length < LISTED_INCIDENTS) this.#incidents.push(incident);
    }
  }

  #caseText(property: TestEntry, args: readonly Value[], machine: TestMachine): string {
    const values = property.forall.map(({ name }, index) =>
      `${name} = ${formatValue(args[index]!, machine.vm, true)}`
    );
    return `case ${this.#cases}: ${values.join(", ")}`;
  }

  #report(failure: Failure, notes: readonly string[]): FailureReport {
    return reportFailure(
      { ...failure, notes: [...notes, ...failure.notes] },
      this.#options.style,
    );
  }
}

/** A failure as plain data. */
export function reportFailure(failure: Failure, style: FailureStyle | undefined): FailureReport {
  const { code, message, span } = failure.diagnostic;
  return {
    kind: failure.kind,
    code,
    message,
    place: spanPlace(span),
    lines: renderFailure(failure, style),
  };
}

function countOutcomes(outcomes: readonly TestOutcome[], filtered: number): RunCounts {
  const tests = outcomes.filter(({ kind }) => kind !== "main");
  const sum = (of: (outcome: TestOutcome) => number) =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return {
    passed: tests.filter(({ outcome }) => outcome === "passed").length,
    failed: tests.filter(({ outcome }) => outcome === "failed").length,
    skipped: tests.filter(({ outcome }) => outcome === "skipped").length,
    filtered,
    assertions: sum(({ assertions }) => assertions),
    reports: sum(({ unexpectedReports }) => unexpectedReports),
    faults: sum(({ unexpectedFaults }) => unexpectedFaults),
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
): readonly Place[] {
  const failed = new Set(
    outcomes.filter(({ outcome }) => outcome !== "passed").map(({ place }) => place),
  );
  const bodies = new Set(
    tests.filter(({ span }) => !failed.has(spanPlace(span))).map((test) => test.functionIndex),
  );
  const { expectations, functions } = program.code;
  const places: Place[] = [];
  functions.forEach((code, index) => {
    const own = code.role === "function" && complete && code.span.source === program.source;
    if (!own && !bodies.has(index)) return;
    for (const expectation of code.expectations) {
      if (!reached.has(expectation)) places.push(spanPlace(expectations[expectation]!.span));
    }
  });
  return places;
}
