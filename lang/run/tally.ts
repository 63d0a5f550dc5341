/** The outcome of one test on its machine, or of one property on many. */
import { spanPlace } from "../source.ts";
import { SWEEPS, type TrialDuty } from "../vm/code.ts";
import { failed, type Failure } from "../vm/failure.ts";
import { formatCount } from "../text/numbers.ts";
import type { Vm } from "../vm/vm.ts";
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
import type { SharedOptions } from "./run_options.ts";
import type { DefectAttribution, TestRunResult } from "./defect_attribution.ts";
import { formatBranch } from "../vm/branch_choice.ts";
import type { TestMachine } from "./test_machine.ts";

/** The name of a test, its place, and the seed of its machine. */
export interface EntryNames extends RunNames {
  readonly functionIndex: number;
  readonly seed: number;
}

/** Sums up the runs of one test on its machine, or of one property on many. */
export class TestTally {
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
  #ordersTried = 0;
  #cases = 0;
  #durationNs = 0;
  #events = 0;
  #seesAllLeaks = true;

  /** @param reachedByAll The set to which the expectations that the test reaches are added. */
  constructor(
    readonly program: Program,
    readonly entry: EntryNames,
    readonly options: SharedOptions,
    readonly reachedByAll: Set<number>,
  ) {}

  /** Adds a run's result. @param attribution The defects that cause its findings. */
  add(result: TestRunResult, attribution: DefectAttribution): void {
    if (result.machine !== null) this.#add(result, result.machine, attribution);
  }

  #add(result: TestRunResult, { vm, machine }: TestMachine, attribution: DefectAttribution): void {
    this.#cases++;
    this.#assertions += vm.assertions;
    this.#placesTried += vm.sweeps.placesTried;
    this.#ordersTried += vm.races.ordersTried;
    this.#durationNs += machine.nowNs();
    this.#events += machine.stream.seq;
    this.#seesAllLeaks &&= machine.seesAllLeaks;
    for (const expectation of vm.reached) {
      this.#reached.add(expectation);
      this.reachedByAll.add(expectation);
    }
    this.#addIncidents(result, vm, attribution);
  }

  /** Records the test's failure. @param notes Lines before the failure's own notes. */
  fail(failure: Failure, notes: readonly string[], attribution: DefectAttribution): void {
    const all = [...notes, ...failure.notes, ...attribution.ofFailure()];
    const { branch = this.options.branch } = failure;
    this.#failure = reportFailure({ ...failure, notes: all, branch }, this.options.style);
  }

  /** Number of runs so far. */
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

  #numbers(): Omit<TestOutcome, "outcome" | "failure"> {
    const { functionIndex, ...names } = this.entry;
    const { expectations, functions } = this.program.code;
    const { branch } = this.options;
    const missed = branch === undefined
      ? functions[functionIndex]!.expectations.filter((each) => !this.#reached.has(each))
      : [];
    return {
      ...names,
      lenient: this.options.machine.lenient === true,
      assertions: this.#assertions,
      cases: this.#cases,
      placesTried: this.#placesTried,
      ordersTried: this.#ordersTried,
      incidents: this.#incidents,
      unexpectedFaults: this.#found.fault,
      unexpectedReports: this.#found.report,
      leaks: this.#found.leak,
      branch: branch === undefined ? null : formatBranch(branch),
      unreached: missed.map((expectation) => spanPlace(expectations[expectation]!)),
      durationNs: this.#durationNs,
      events: this.#events,
      seesAllLeaks: this.#seesAllLeaks,
    };
  }

  /**
   * Fails the test if no run of a repeated block has met a requirement. If only a single branch was
   * run, nothing is judged, because other branches may have met the requirement.
   */
  #judgeTrials(): void {
    if (this.options.branch !== undefined) return;
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
      // A driver that crashed in the midst of a function could not release what it holds.
      ...(failure?.crashed ? [] : leaks)
        .map((leak) => ({ finding: leak, context: vm, where: null })),
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

function undone({ injected, kind, span, word }: TrialDuty, places: number): Failure {
  const isEach = word !== "race" && word !== "inject";
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
    injects: {
      message: `This \`inject\` never makes \`${injected?.point}\` fail`,
      hint: injected?.hasNth === true
        ? "its block does not reach the point, or less often than `nth` says"
        : "its block does not reach the point; `inject each` tries those that it reaches",
    },
    orders: {
      message: "There is only one order in this `race`: at most one of its blocks has statements",
      hint: "write a statement in each block",
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
  const { bug = null, code, message, related = [], span } = failure.diagnostic;
  const { finding } = failure;
  const eventSeq = finding === undefined
    ? undefined
    : "name" in finding
    ? finding.seq
    : finding.eventSeqs[0];
  return {
    kind: failure.kind,
    code,
    message,
    bug,
    place: spanPlace(span),
    lines: renderFailure(failure, style),
    values: failedValues(failure),
    notes: failure.notes,
    // The events of a child run have other numbers.
    ...eventSeq === undefined || failure.branch !== undefined ? {} : { eventSeq },
    ...related.length === 0 ? {} : {
      related: related.map(({ message, span }) => ({ text: message, place: spanPlace(span) })),
    },
    branch: failure.branch === undefined ? null : formatBranch(failure.branch),
    ...failure.leaking === undefined ? {} : { leaking: failure.leaking },
  };
}
