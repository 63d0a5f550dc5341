/**
 * Runs that are repeated, and blocks that run on separate machines.
 *
 * A machine is never copied. The same program on the same machine does the same again. Therefore a
 * branch is reached by repeating the run up to that branch, on a new machine, and then making
 * another choice (docs/language/stepping.md). The points with a choice are numbered in the order in
 * which a run reaches them. By that number, the second run knows where to make the other choice.
 */
import type { LabConfig } from "@dmalab/devices";
import type { QuirkName, QuirkSet } from "@dmalab/runtime/kernels";
import {
  type ComparedMachine,
  describeSettings,
  type MachineVariant,
  type VariantSetting,
} from "../values/machine_variant.ts";
import type { ForkKeyword } from "./code.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import type { Raised } from "../values/raised_error.ts";
import { type BranchChoice, goesOn, isPlace, wrongBranch } from "./branch_choice.ts";
import type { RaceOrder } from "./race_order.ts";
import { type Limits, MACHINE_BYTES, MACHINE_STEPS } from "../values/limits.ts";
import { BRANCH_NAMES } from "../values/types.ts";
import { ScriptError, ValueError } from "../values/script_error.ts";
import { type Closure, Handle, ListValue, RecordValue, type Value } from "../values/value.ts";
import { BranchOutcome, type RunningBranch } from "../values/branch_outcome.ts";
import type { Control } from "./control.ts";
import { tooMuchMemory } from "./vm_errors.ts";
import type { HandleType } from "../values/spec.ts";
import { withoutDefects } from "../values/causing_defects.ts";
import { describeValue } from "../values/operators.ts";
import { partsOf } from "../values/changes.ts";
import { incidentName } from "../values/incident.ts";
import type { HelpPlaces, PlaceHelp, PlacesRequest } from "./place_help.ts";
import type { Vm } from "./vm.ts";

/** The result of a run that was started to examine a value. */
export interface DefectProbe {
  /** The instruction at which the run examined the value. */
  readonly pc: number;
  readonly wrong: boolean;
}

/** The data that are needed to repeat a run. */
export interface ReplayRequest {
  /** Choices that lead to the wanted branch; the last one is the branch. */
  readonly choices: readonly BranchChoice[];
  /**
   * Values of the choice points that come before the branch. They are passed so that these choices
   * are not tried again.
   */
  readonly resolvedChoices: ReadonlyMap<number, Value>;
  /** Limit of the run's steps. */
  readonly steps: number;
  /** Limit of the memory of the run's machine and values, in bytes. */
  readonly memoryBytes: number;
  /** Whether the branch's own lines are written. */
  readonly emitsOutput: boolean;
  /** Defects of the new machine; null for the defects of the current one. */
  readonly quirks: QuirkSet | null;
}

/** Limits of a child run: what remains of its parent's. */
export type ChildRunLimits = Pick<ReplayRequest, "steps" | "memoryBytes">;

/** The parts of a VM that are needed to repeat its run. */
export interface ReplayableRun {
  readonly branches: Pick<Branches, "choices" | "resolvedChoices" | "runs">;
  readonly limits: Limits;
}

/** A listener that follows a repeated run. */
export interface ReplayListener {
  begins(vm: Vm): void;
}

export interface PausableRun {
  /**
   * Resumes the run.
   * @returns False when the run is over. True when it is paused at the start of a statement or
   *   between activities.
   */
  resume(): boolean;
}

/**
 * Repeats a run on a new machine, to inspect it on the way or to take another branch. A session
 * repeats its runs in another way than a test.
 */
export interface RunStarter {
  /** Changes to the machine block by the test, and by each surrounding `compare`. */
  readonly variants: readonly MachineVariant[];
  /** Help with sweeps of the run that was started first; undefined without help. */
  readonly helpPlaces?: HelpPlaces | undefined;
  /** Runs to the end of the wanted branch. */
  replay(request: ReplayRequest): Vm;
  /** Releases the run's machine, which is not read any more. */
  drop(run: Pick<Vm, "machine">): void;
  /** Repeats the run with the same choices, without output. */
  again(run: ReplayableRun, listener: ReplayListener): PausableRun;
  /** Runs a block from its beginning on a new machine. */
  runOnNewMachine(
    machine: ComparedMachine,
    config: LabConfig,
    block: Closure,
    left: ChildRunLimits,
  ): Vm;
}

export class Branches {
  /** Null where a run cannot be repeated: in a bench, and while constants are evaluated. */
  runs: RunStarter | null = null;
  choices: readonly BranchChoice[] = [];
  /** Called when the wanted branch begins. */
  onBranch: () => void = () => {};
  /** Called when blocks are about to run on separate machines. */
  onFork: (word: ForkKeyword) => void = () => {};
  /**
   * Called when a block has run on a separate machine. For the orders of a race, it is called once
   * for each different outcome, and for each failed order.
   */
  onChildRun: (child: Vm, word: ForkKeyword, label: string) => void = () => {};
  /** Called with each complete line that a block on a separate machine prints. */
  onLine: (line: string) => void = () => {};
  /** Values of branchings that were tried out, by the branching's number. */
  readonly resolvedChoices = new Map<number, Value>();
  /** The order of the wanted race so far. */
  raceOrder: RaceOrder | null = null;
  /**
   * True if failures and explanations of this run name the defects that cause them, because the
   * run's output is shown.
   */
  attributeDefects = true;
  /** True if this run was started only for its branch: a leak in the branch then fails the run. */
  judgesBranch = false;
  /** The result of a run that was started to examine a value. */
  probe: DefectProbe | null = null;
  #choicePoints = 0;
  #choicesTaken = 0;
  /** The branch that has begun, in a run that was started for it. */
  branch: RunningBranch | null = null;
  /** Number of assertions before the wanted branch began. */
  #assertionsBefore: number | null = null;

  constructor(readonly vm: Control) {}

  /** Takes over values of branchings that a run before this one has tried out. */
  resolve(resolvedChoices: ReadonlyMap<number, Value>): void {
    for (const [branching, value] of resolvedChoices) this.resolvedChoices.set(branching, value);
  }

  /** Forgets the values of branchings that this run has not reached: it may take another path. */
  forget(): void {
    for (const branching of this.resolvedChoices.keys()) {
      if (branching > this.#choicePoints) this.resolvedChoices.delete(branching);
    }
  }

  /** Whether the run has reached the branch that it was started for. */
  get arrived(): boolean {
    return this.choices.length > 0 && this.#choicesTaken === this.choices.length;
  }

  /** Whether the run has not yet reached the branch that it was started for. */
  get isReplaying(): boolean {
    return this.#choicesTaken < this.choices.length;
  }

  /**
   * Called when the run reaches a `fork`.
   * @returns In a run that was started for one block: the block to run. In other runs: the value of
   *   the `fork`.
   */
  fork(branches: number): number | RecordValue {
    const choicePoint = this.nextChoicePoint();
    const choice = this.takeChoice(choicePoint);
    if (choice !== null) {
      const { taken } = choice;
      if (typeof taken !== "number" || taken >= branches) throw wrongBranch(choice, "fork");
      return taken;
    }
    const known = this.resolvedChoices.get(choicePoint);
    if (known instanceof RecordValue) return known;
    this.requireRuns("fork");
    this.onFork("fork");
    const entries = new Map<string, Value>();
    for (let taken = 0; taken < branches; taken++) {
      const child = this.replay({ choicePoint, taken }, true);
      this.onChildRun(child, "fork", BRANCH_NAMES[taken]!);
      if (child.failure !== null) {
        throw new ScriptFailure(failureOf(child, this.vm.machine.stream.seq));
      }
      entries.set(BRANCH_NAMES[taken]!, this.vm.registry.outcomeValue(this.outcomeOf(child, [])));
    }
    const value = new RecordValue(entries);
    this.resolvedChoices.set(choicePoint, value);
    return value;
  }

  /** Runs the block of a `compare` on each of its machines. */
  compare(machines: readonly ComparedMachine[], block: Value): ListValue {
    const branching = this.nextChoicePoint();
    const known = this.resolvedChoices.get(branching);
    if (known instanceof ListValue) return known;
    const runs = this.requireRuns("compare");
    this.onFork("compare");
    const closure = block as Closure;
    for (const value of closure.captured) requireSameMachine(value);
    const lacking: Failure[] = [];
    const outcomes = machines.map((machine) => {
      const config = machine.build(runs.variants);
      const label = describeSettings(machine.settings);
      if (typeof config === "string") {
        throw new ValueError(`There is no machine with ${label}: ${config}`);
      }
      const left = this.#left();
      const child = runs.runOnNewMachine(machine, config, closure, left);
      this.onChildRun(child, "compare", label);
      this.#adopt(child, left.steps);
      if (child.failure !== null) {
        // Choices refer to one machine: a test's choices cannot lead to this separate machine.
        const own = { ...failureOf(child, 0), branch: undefined };
        const failure = withNote(own, `on the machine with ${label}`);
        if (failure.diagnostic.code !== "E0927") throw new ScriptFailure(failure);
        lacking.push(failure);
      }
      return this.vm.registry.outcomeValue(this.outcomeOf(child, machine.settings));
    });
    if (lacking.length === machines.length) throw new ScriptFailure(lacking[0]!);
    const value = new ListValue(outcomes);
    this.resolvedChoices.set(branching, value);
    return value;
  }

  /** Starts the branch: events, assertions and resources are counted from here on. */
  begin(): void {
    const { assertions, handlers, machine } = this.vm;
    // Handlers of the code before the branch must not catch the branch's errors.
    handlers.length = 0;
    this.branch?.watch.stop();
    machine.meet();
    this.branch = {
      seq: machine.stream.seq,
      startNs: machine.nowNs(),
      assertions,
      counts: machine.stream.counts.slice(),
      watch: machine.watchResources(),
      raised: null,
    };
    this.onBranch();
  }

  /**
   * Called for an uncaught error. Within a branch, the error ends only the branch and not the run;
   * the result is then true. The result is false outside a branch, and if an injected failure
   * crashed a driver in C.
   */
  endedBy(raised: Raised): boolean {
    if (this.branch === null || (raised.crashed && this.choices.some(isPlace))) return false;
    this.branch.raised = raised;
    return true;
  }

  /** The number of branchings that the run has reached. */
  get choicePoints(): number {
    return this.#choicePoints;
  }

  /** Counts a branching that the run has reached. @returns Its number. */
  nextChoicePoint(): number {
    return ++this.#choicePoints;
  }

  /** The choice to take at a branching; null for the default. */
  takeChoice(branching: number): BranchChoice | null {
    const choice = this.choices[this.#choicesTaken];
    if (choice?.choicePoint !== branching) return null;
    this.#choicesTaken++;
    if (!goesOn(choice) && this.choices.slice(this.#choicesTaken).every(goesOn)) this.begin();
    if (this.#choicesTaken === this.choices.length) this.#assertionsBefore = this.vm.assertions;
    return choice;
  }

  replay(choice: BranchChoice, speaks: boolean, word = "fork"): Vm {
    this.vm.countWork();
    this.vm.steps -= MACHINE_STEPS;
    if (this.vm.steps < 0) throw this.vm.tooManySteps();
    const left = this.#left();
    const child = this.requireRuns(word).replay({
      choices: [...this.choices.slice(0, this.#choicesTaken), choice],
      resolvedChoices: new Map(
        [...this.resolvedChoices].filter(([branching]) => branching < choice.choicePoint),
      ),
      ...left,
      emitsOutput: speaks && this.attributeDefects,
      quirks: null,
    });
    this.#adopt(child, left.steps);
    if (child.failure === null && !child.branches.arrived) {
      throw new Error("The repeated run did not reach its branch");
    }
    return child;
  }

  /**
   * Repeats a branch on a machine without some of the known defects.
   *
   * @param steps Limit of the repeated run's steps.
   */
  withoutDefects(choice: BranchChoice, off: readonly QuirkName[], steps: number): Vm {
    const { budget, lab } = this.vm.machine;
    return this.requireRuns("explain").replay({
      choices: [...this.choices, choice],
      resolvedChoices: new Map(),
      steps,
      memoryBytes: budget.leftBytes,
      emitsOutput: false,
      quirks: withoutDefects(lab.machine.quirks, off),
    });
  }

  /**
   * Whether to search for the known defects that cause a failure. This requires that the run can be
   * repeated and that its output is shown.
   */
  get looksForDefects(): boolean {
    return this.runs !== null && this.attributeDefects && !this.isReplaying;
  }

  /** Asks for help with the places of a sweep; null if there is no help. */
  helpWith(
    word: PlacesRequest["word"],
    choicePoint: number,
    places: PlacesRequest["places"],
  ): PlaceHelp | null {
    const help = this.requireRuns(word).helpPlaces;
    const isPlain = this.choices.length === 0 &&
      this.resolvedChoices.values().every((value) => value === null);
    if (help === undefined || !isPlain) return null;
    return help({
      word,
      choicePoint,
      resolved: [...this.resolvedChoices.keys()],
      places: places.map(({ nth, point }) => ({ point, nth })),
      usual: this.vm.machine.incidents.map(incidentName),
      ...this.#left(),
      expectations: this.vm.code.expectations.length,
    });
  }

  /** Adds the figures of a place that another thread has tried. @returns False if none has. */
  adopted(help: PlaceHelp | null, index: number): boolean {
    const { vm } = this;
    if (help === null) return false;
    vm.countWork();
    vm.watch?.check();
    const figures = help.take(index, vm.steps - MACHINE_STEPS, () => vm.watch?.check());
    if (figures === null) return false;
    vm.watch?.charge(figures.processorMs);
    vm.steps -= MACHINE_STEPS + figures.steps;
    vm.assertions += figures.assertions;
    for (const expectation of figures.reached) vm.reached.add(expectation);
    return true;
  }

  /** The assertions of the wanted branch alone. */
  get ownAssertions(): number {
    const { assertions } = this.vm;
    return assertions - (this.#assertionsBefore ?? this.branch?.assertions ?? assertions);
  }

  #left(): ChildRunLimits {
    this.vm.countWork();
    return { steps: this.vm.steps, memoryBytes: this.vm.machine.budget.leftBytes };
  }

  /** Adds the steps, assertions and coverage of a child run to this run's. */
  #adopt(child: Vm, given: number): void {
    this.vm.steps -= Math.max(0, given - child.steps);
    for (const expectation of child.reached) this.vm.reached.add(expectation);
    this.vm.assertions += child.branches.ownAssertions;
    const { failure } = child;
    if (failure?.kind !== "limit") return;
    // The child's limit was the rest of this run's limit. Therefore this run has exceeded its
    // limit, too.
    if (failure.diagnostic.code === "E0801") throw this.vm.tooManySteps();
    if (failure.diagnostic.code === "E0802") throw tooMuchMemory(this.vm.limits);
    throw new ScriptFailure(failure);
  }

  outcomeOf(child: Vm, settings: readonly VariantSetting[]): BranchOutcome {
    this.vm.holdMemory(MACHINE_BYTES + child.machine.budget.usedBytes);
    const missing = child.failure?.diagnostic.message ?? null;
    return new BranchOutcome(child.machine, child.branches.branch!, missing, settings);
  }

  requireRuns(word: string): RunStarter {
    if (this.runs === null) {
      throw new ScriptError(
        "E0922",
        `\`${word}\` needs a run that can be repeated: a test, or statements of a file`,
        "a bench and a const cannot be repeated",
      );
    }
    return this.runs;
  }
}

/**
 * The failure of a child run, with the resources that only the child has allocated. Resources that
 * its parent has allocated, too, say nothing about the failure.
 *
 * @param sinceSeq The last event that both runs have in common.
 */
export function failureOf({ branches, failure, machine }: Vm, sinceSeq: number): Failure {
  const held = failure!.kind === "failed" ? machine.leftovers() : [];
  const branch = failure!.branch ?? branches.choices;
  return {
    ...failure!,
    branch,
    held: held.filter(({ event }) => event !== null && event.seq > sinceSeq),
  };
}

export function withNote(failure: Failure, note: string): Failure {
  return { ...failure, notes: [note, ...failure.notes] };
}

/** @throws {ScriptError} E0925 for a handle of a machine, or a value that contains one. */
function requireSameMachine(value: Value): void {
  const found = findOtherMachines(value);
  if (found === null) return;
  throw new ScriptError(
    "E0925",
    `The block runs on other machines, and ${describeValue(found)} belongs to this one`,
    "make it inside the block, so that each machine has its own",
  );
}

/**
 * Visits each part only once, because parts may be shared. Uses no recursion, because parts may be
 * nested as deep as memory permits.
 */
function findOtherMachines(value: Value): Handle | null {
  const seen = new Set<Value>([value]);
  // Iterating a Set also visits the items that are added meanwhile.
  for (const each of seen) {
    if (each instanceof Handle) {
      const type: HandleType = each.type;
      if (type.portable !== true) return each;
    } else for (const part of partsOf(each)) if (typeof part === "object") seen.add(part);
  }
  return null;
}
