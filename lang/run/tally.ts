/** What one test did on its machine, or one property on many. */
import type { LabConfig } from "@dmalab/devices";
import { spanPlace } from "../source.ts";
import { SWEEPS, type TrialDuty } from "../vm/code.ts";
import { failed, type Failure } from "../vm/failure.ts";
import { formatCount } from "../text/numbers.ts";
import { RunWatch } from "../vm/run_watch.ts";
import type { Vm } from "../vm/vm.ts";
import type { Output } from "../values/execution_context.ts";
import {
  describeIncident,
  DISPLAYED_INCIDENTS,
  type FoundIncident,
  foundIncidents,
  kindOfFinding,
} from "./incidents.ts";
import type { Program } from "./program.ts";
import { failedValues, type FailureStyle, renderFailure } from "./render_failure.ts";
import type { FailureReport, Incident, RunNames, TestOutcome } from "./report.ts";
import type { RunStart, SharedOptions } from "./run_options.ts";
import { DefectAttribution, type TestRunResult } from "./defect_attribution.ts";
import { formatBranch } from "../vm/branch_choice.ts";
import { NO_OUTPUT, type PlannedRun, runTestOnMachine } from "./replay_run.ts";
import { type MachineOptions, runConfig, type TestMachine } from "./test_machine.ts";

/** The name of a test, and its place. */
export interface EntryNames extends RunNames {
  readonly functionIndex: number;
}

/** Sums up what one test did on its machine, or one property on many. */
export class TestTally {
  readonly seed: number;
  /** The run that is shown: the last, or the smallest that failed. */
  shown: PlannedRun | null = null;
  readonly #watch: RunWatch | undefined;
  readonly #reached = new Set<number>();
  readonly #incidents: Incident[] = [];
  readonly #found: Record<Incident["kind"], number> = {
    fault: 0,
    report: 0,
    leak: 0,
    held: 0,
  };
  #failure: FailureReport | null = null;
  #assertions = 0;
  #placesTried = 0;
  #cases = 0;
  #durationNs = 0;
  #events = 0;

  constructor(
    readonly program: Program,
    readonly entry: EntryNames,
    seed: number,
    readonly options: SharedOptions,
    readonly reachedByAll: Set<number>,
  ) {
    this.seed = options.machine.seed ?? seed;
    const { machine: { limits }, watch } = options;
    this.#watch = watch && new RunWatch(watch, limits);
  }

  /** Runs the code on a fresh machine, and counts what it did. False when it failed. */
  run(run: PlannedRun): boolean {
    const result = this.attempt(run, this.options.machine.output);
    const { failure } = result;
    const attribution = this.count(result, run);
    if (failure !== null) this.fail(failure, [], attribution);
    return failure === null;
  }

  attempt(run: PlannedRun, output: Output, more: Partial<MachineOptions> = {}): TestRunResult {
    const { machine: shared } = this.options;
    // Listeners get the events of the runs that print.
    const isWatched = output === shared.output;
    const onEvent = isWatched ? shared.onEvent : undefined;
    if (isWatched) {
      this.shown = run;
      this.options.onRun?.(this.#runStart(run.config));
    }
    const options = { ...shared, onEvent, watch: this.#watch, output, record: true, ...more };
    return runTestOnMachine(this.program, run, options);
  }

  /** The defects that cause a run's failure and its incidents. */
  attributionOf(result: TestRunResult, run: PlannedRun): DefectAttribution {
    const { attributeDefects, limits } = this.options.machine;
    // Without a machine there is nothing to take away from it.
    const looked = attributeDefects === false ? { ...result, machine: null } : result;
    return new DefectAttribution(looked, (quirks, steps) => {
      const more = {
        limits: {
          ...limits,
          steps: Math.min(steps, limits.steps),
          // The observed machine is still there.
          memoryBytes: result.machine?.machine.budget.leftBytes ?? limits.memoryBytes,
        },
        onSideEvent: undefined,
        attributeDefects: false,
      };
      return this.attempt({ ...run, config: { ...run.config, quirks } }, NO_OUTPUT, more);
    });
  }

  /** Adds what a run did. @returns Which defects cause which findings. */
  count(result: TestRunResult, run: PlannedRun): DefectAttribution {
    const attribution = this.attributionOf(result, run);
    if (result.machine !== null) this.#add(result, result.machine, attribution);
    return attribution;
  }

  #add(result: TestRunResult, { vm, machine }: TestMachine, attribution: DefectAttribution): void {
    this.#cases++;
    this.#assertions += vm.assertions;
    this.#placesTried += vm.sweeps.placesTried;
    this.#durationNs += machine.nowNs();
    this.#events += machine.stream.seq;
    for (const expectation of vm.reached) {
      this.#reached.add(expectation);
      this.reachedByAll.add(expectation);
    }
    this.#addIncidents(result, vm, attribution);
  }

  /** The test has failed. @param notes Lines before the failure's own. */
  fail(failure: Failure, notes: readonly string[], attribution: DefectAttribution): void {
    const all = [...notes, ...failure.notes, ...attribution.ofFailure()];
    const { branch = this.options.branch } = failure;
    this.#failure = reportFailure({ ...failure, notes: all, branch }, this.options.style);
  }

  /** Runs so far. */
  get cases(): number {
    return this.#cases;
  }

  outcome(): TestOutcome {
    this.#judgeTrials();
    const outcome = this.#failure === null ? "passed" : "failed";
    return { ...this.#numbers(), outcome, failure: this.#failure };
  }

  skipped(): TestOutcome {
    return { ...this.#numbers(), outcome: "skipped", failure: null, unreached: [] };
  }

  #runStart(config: LabConfig): RunStart {
    const { functionIndex: _, ...names } = this.entry;
    const { lenient } = this.options.machine;
    return { ...names, machine: runConfig(config, { lenient, seed: this.seed }) };
  }

  #numbers(): Omit<TestOutcome, "outcome" | "failure"> {
    const { functionIndex, ...names } = this.entry;
    const { expectations, functions } = this.program.code;
    return {
      ...names,
      seed: this.seed,
      lenient: this.options.machine.lenient === true,
      assertions: this.#assertions,
      cases: this.#cases,
      placesTried: this.#placesTried,
      incidents: this.#incidents,
      unexpectedFaults: this.#found.fault,
      unexpectedReports: this.#found.report,
      leaks: this.#found.leak,
      unreached: functions[functionIndex]!.expectations
        .filter((expectation) => !this.#reached.has(expectation))
        .map((expectation) => spanPlace(expectations[expectation]!)),
      durationNs: this.#durationNs,
      events: this.#events,
    };
  }

  /** A requirement that no run of a repeated block meets fails the test. */
  #judgeTrials(): void {
    const missed = this.program.code.trialDuties.find(({ done, trial }) =>
      this.#reached.has(trial) && !this.#reached.has(done)
    );
    if (missed === undefined || this.#failure !== null) return;
    const failure = undone(missed, this.#placesTried);
    this.#failure = reportFailure(failure, this.options.style);
  }

  #addIncidents({ failure, leaks }: TestRunResult, vm: Vm, attribution: DefectAttribution): void {
    const incidents: readonly FoundIncident[] = [
      ...foundIncidents(vm),
      ...leaks.map((leak) => ({ finding: leak, context: vm, where: null })),
    ];
    for (const found of incidents) {
      this.#found[kindOfFinding(found)]++;
      if (this.#incidents.length === DISPLAYED_INCIDENTS) continue;
      const isFailure = found.finding === failure?.finding;
      const gone = attribution.ofFinding(found.finding);
      this.#incidents.push({ ...describeIncident(found, gone, this.options.style), isFailure });
    }
  }
}

function undone({ kind, span, word }: TrialDuty, places: number): Failure {
  const isEach = word !== "race";
  const isRemoval = isEach && SWEEPS[word] !== null;
  const runs = isEach ? "run" : "order";
  const said = {
    holds: {
      message: `This holds in no ${runs} of \`${word}\`: its block was never tried`,
      hint: "if that is meant, write `else { }` after the block",
    },
    succeeds: {
      message: `This succeeds in no ${runs} of \`${word}\``,
      hint: "if that is meant, assert what it returns",
    },
    fails: isRemoval
      ? {
        message: "No driver in C is bound to a device in this block",
        hint: "bind one with its `probe(device)`, as `module_pci_driver()` defines it",
      }
      : {
        message: "Nothing in this block can fail",
        hint: "no call in it maps or allocates, and no device accesses memory",
      },
  }[kind];
  return failed({ code: "E0928", span, ...said }, {
    notes: isEach ? [`${formatCount(places, "place")} tried`] : [],
  });
}

/** A failure as plain data. */
export function reportFailure(failure: Failure, style: FailureStyle | undefined): FailureReport {
  const { bug = null, code, message, span } = failure.diagnostic;
  return {
    kind: failure.kind,
    code,
    message,
    bug,
    place: spanPlace(span),
    lines: renderFailure(failure, style),
    values: failedValues(failure),
    notes: failure.notes,
    branch: failure.branch === undefined ? null : formatBranch(failure.branch),
  };
}
