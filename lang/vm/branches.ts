/**
 * Runs that are done again, and blocks that run on machines of their own.
 *
 * A machine is never copied. Since the same program on the same machine does the same again, a
 * branch is reached by doing the run again up to it, on a new machine, and then going the other way
 * (language.md, Stepping). Branchings are numbered in the order in which a run comes to them, and
 * that number is how the second run knows where to turn off.
 */
import type { LabConfig } from "@dmalab/devices";
import type { QuirkSet } from "@dmalab/runtime/kernels";
import type { FaultPlaceName } from "../values/world.ts";
import { BRANCH_NAMES, type BranchOutcome } from "../values/branch_outcome.ts";
import {
  type ComparedMachine,
  describeSettings,
  type MachineSetting,
  type MachineVariant,
} from "../values/machine_variant.ts";
import type { AsideWord, CompareInfo } from "./code.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import type { Span } from "../source.ts";
import type { Raised } from "../values/raised_error.ts";
import type { RaceOrder } from "./race_order.ts";
import { MACHINE_BYTES, MACHINE_STEPS } from "../values/limits.ts";
import { ScriptError } from "../values/script_error.ts";
import { refuseForeign } from "./foreign_things.ts";
import { Closure, ListValue, RecordValue, type Value } from "../values/value.ts";
import { BranchEnded, type Control } from "./control.ts";
import { tooMuchMemory } from "./mistakes.ts";
import { type Branch, SideOutcome } from "./side_outcome.ts";

/** A turn off the main way: at which branching, and which way. */
export interface Goal {
  readonly branching: number;
  /**
   * The block of `fork`, from 0; for `inject each` the place that fails; for `race` the order; `look`
   * to look at what is explained there.
   */
  readonly way: number | FaultPlaceName | RaceWay | "look";
}

function isPlace({ way }: Goal): boolean {
  return typeof way === "object" && !(way instanceof RaceWay);
}

/** What a run that was sent to look at a thing saw. */
export interface Look {
  /** The instruction that it came to. */
  readonly pc: number;
  readonly wrong: boolean;
}

/** One order of a `race`. */
export class RaceWay {
  /**
   * @param wanted Which block goes on, wherever more than one can.
   * @param whole Whether the run goes on after the race, or ends with it.
   */
  constructor(readonly wanted: readonly number[], readonly whole: boolean) {}
}

/** What a run needs to know to be done again. */
export interface AgainRequest {
  /** The last one is the branch that is wanted; those before it lead there. */
  readonly goals: readonly Goal[];
  /** Values of branchings on the way there, so that they are not tried out again. */
  readonly known: ReadonlyMap<number, Value>;
  /** Steps it may take. */
  readonly steps: number;
  /** Bytes that its machine and its values may take. */
  readonly memoryBytes: number;
  /** Whether the branch's own lines are written. */
  readonly speaks: boolean;
  /** Defects of the new machine; null for those of this one. */
  readonly quirks: QuirkSet | null;
}

/** What a run may take that another has started: what that one has left. */
export type SideLimits = Pick<AgainRequest, "steps" | "memoryBytes">;

/** Starts runs beside the one that is going on. */
export interface Runs {
  /** Does the run again, on a new machine, to the end of the branch that is wanted. */
  again(request: AgainRequest): SideRun;
  /** What the test, and comparisons around, change of the machine block. */
  readonly variants: readonly MachineVariant[];
  /** Runs a block from its beginning on a new machine. */
  elsewhere(
    machine: ComparedMachine,
    config: LabConfig,
    block: Closure,
    left: SideLimits,
  ): SideRun;
}

/** What a run tells those that go on beside it. */
export interface SideRun extends
  Pick<
    Control,
    "world" | "reached" | "assertions" | "expectedIncidents" | "siteSpan" | "siteCall"
  > {
  /** Why it failed. */
  readonly failure: Failure | null;
  /** Steps left until the limit. */
  readonly steps: number;
  /** Where the next instruction stands in the source. */
  readonly span: Span;
  readonly branches: Branches;
}

export class Branches {
  /** Null where a run cannot be done again: in a bench, and while consts are worked out. */
  runs: Runs | null = null;
  goals: readonly Goal[] = [];
  /** Called when the wanted branch begins. */
  onBranch: () => void = () => {};
  /** Called when blocks are about to run on machines of their own. */
  onAside: (word: AsideWord) => void = () => {};
  /** Called when a block has run on a machine of its own; of orders of a race once for each end. */
  onSide: (side: SideRun, word: AsideWord, label: string) => void = () => {};
  /** Called with each line that a block on a machine of its own writes, once it is written. */
  onLine: (line: string) => void = () => {};
  /** Values of branchings that were tried out. */
  readonly known = new Map<number, Value>();
  /** The order in which the wanted race has gone so far. */
  raceOrder: RaceOrder | null = null;
  /** The output of this run is read. */
  heard = true;
  /** What this run saw, if it was sent to look. */
  look: Look | null = null;
  #branchings = 0;
  #turns = 0;
  /** The branch that has begun, in a run that is here for it. */
  branch: Branch | null = null;
  /** Assertions before the wanted branch began. */
  #assertionsBefore: number | null = null;

  constructor(readonly vm: Control) {}

  /** Takes over values of branchings that a run before this one has tried out. */
  know(known: ReadonlyMap<number, Value>): void {
    for (const [branching, value] of known) this.known.set(branching, value);
  }

  /** Forgets branchings that this run has not come to: it may go another way. */
  forget(): void {
    for (const branching of this.known.keys()) {
      if (branching > this.#branchings) this.known.delete(branching);
    }
  }

  /** The run has come to the branch that it was sent to. */
  get arrived(): boolean {
    return this.goals.length > 0 && this.#turns === this.goals.length;
  }

  /** The run has still to come to the branch that it was sent to. */
  get onItsWay(): boolean {
    return this.#turns < this.goals.length;
  }

  /**
   * Comes to a `fork`.
   * @returns The block to run, in a run that is here for it; else the value of the whole.
   */
  fork(branches: number): number | RecordValue {
    const branching = this.nextBranching();
    const goal = this.turn(branching);
    if (goal !== null) return goal.way as number;
    const known = this.known.get(branching);
    if (known instanceof RecordValue) return known;
    this.wantRuns("fork");
    this.onAside("fork");
    const entries = new Map<string, Value>();
    for (let way = 0; way < branches; way++) {
      const side = this.again({ branching, way }, true);
      this.onSide(side, "fork", BRANCH_NAMES[way]!);
      if (side.failure !== null) throw new ScriptFailure(failureOf(side, this.vm.world.stream.seq));
      entries.set(BRANCH_NAMES[way]!, this.vm.registry.outcomeValue(this.outcomeOf(side, [])));
    }
    const value = new RecordValue(entries);
    this.known.set(branching, value);
    return value;
  }

  end(): never {
    throw new BranchEnded();
  }

  /** Runs the block of a `compare` on each of its machines. */
  compare({ machines }: CompareInfo, block: Value): ListValue {
    const branching = this.nextBranching();
    const known = this.known.get(branching);
    if (known instanceof ListValue) return known;
    const runs = this.wantRuns("compare");
    this.onAside("compare");
    const closure = block as Closure;
    for (const value of closure.captured) refuseForeign(value);
    const lacking: Failure[] = [];
    const outcomes = machines.map((machine) => {
      const config = machine.build(runs.variants);
      const label = describeSettings(machine.settings);
      if (typeof config === "string") {
        throw new ScriptError("E0919", `There is no machine with ${label}: ${config}`);
      }
      const left = this.#left();
      const side = runs.elsewhere(machine, config, closure, left);
      this.onSide(side, "compare", label);
      this.#adopt(side, left.steps);
      if (side.failure !== null) {
        const failure = withNote(failureOf(side, 0), `on the machine with ${label}`);
        if (failure.diagnostic.code !== "E0927") throw new ScriptFailure(failure);
        lacking.push(failure);
      }
      return this.vm.registry.outcomeValue(this.outcomeOf(side, machine.settings));
    });
    if (lacking.length === machines.length) throw new ScriptFailure(lacking[0]!);
    const value = new ListValue(outcomes);
    this.known.set(branching, value);
    return value;
  }

  /** What happens from here on is the branch's. */
  begin(): void {
    const { assertions, handlers, registry, world } = this.vm;
    // What the way here was ready to take is not for the branch.
    handlers.length = 0;
    this.branch?.watch.stop();
    world.meet();
    this.branch = {
      seq: world.stream.seq,
      startNs: world.nowNs(),
      assertions,
      counts: registry.eventNames.map((name) => world.count(name)),
      watch: world.watchResources(),
      raised: null,
    };
    this.onBranch();
  }

  /**
   * An uncaught error ends a branch, and not the run. False where there is none, and for a driver that
   * does not survive a place that fails.
   */
  endedBy(raised: Raised): boolean {
    if (this.branch === null || (raised.crashed && this.goals.some(isPlace))) return false;
    this.branch.raised = raised;
    return true;
  }

  /** The number of the branching that the run has come to. */
  nextBranching(): number {
    return ++this.#branchings;
  }

  /** The turn to take at a branching; null where the way goes straight on. */
  turn(branching: number): Goal | null {
    const goal = this.goals[this.#turns];
    if (goal?.branching !== branching) return null;
    this.#turns++;
    if (!goesOn(goal) && this.goals.slice(this.#turns).every(goesOn)) this.begin();
    if (this.#turns === this.goals.length) this.#assertionsBefore = this.vm.assertions;
    return goal;
  }

  again(goal: Goal, speaks: boolean, word = "fork"): SideRun {
    this.vm.countWork();
    this.vm.steps -= MACHINE_STEPS;
    if (this.vm.steps < 0) throw this.vm.tooManySteps();
    const left = this.#left();
    const side = this.wantRuns(word).again({
      goals: [...this.goals.slice(0, this.#turns), goal],
      known: new Map([...this.known].filter(([branching]) => branching < goal.branching)),
      ...left,
      speaks: speaks && this.heard,
      quirks: null,
    });
    this.#adopt(side, left.steps);
    if (side.failure === null && !side.branches.arrived) {
      throw new Error("The repeated run did not reach its branch");
    }
    return side;
  }

  #left(): SideLimits {
    this.vm.countWork();
    return { steps: this.vm.steps, memoryBytes: this.vm.world.budget.leftBytes };
  }

  /** What a run beside this one has used, checked and reached counts here. */
  #adopt(side: SideRun, given: number): void {
    this.vm.steps -= Math.max(0, given - side.steps);
    for (const expectation of side.reached) this.vm.reached.add(expectation);
    const before = side.branches.#assertionsBefore ?? side.branches.branch?.assertions ??
      side.assertions;
    this.vm.assertions += side.assertions - before;
    const { failure } = side;
    if (failure?.kind !== "limit") return;
    // Its own limit was what this run had left.
    if (failure.diagnostic.code === "E0801") throw this.vm.tooManySteps();
    if (failure.diagnostic.code === "E0802") throw tooMuchMemory(this.vm.limits);
    throw new ScriptFailure(failure);
  }

  outcomeOf(side: SideRun, settings: readonly MachineSetting[]): BranchOutcome {
    this.vm.holdMemory(MACHINE_BYTES + side.world.budget.usedBytes);
    const missing = side.failure?.diagnostic.message ?? null;
    const { eventNames } = this.vm.registry;
    return new SideOutcome(side.world, side.branches.branch!, { missing, settings }, eventNames);
  }

  wantRuns(word: string): Runs {
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

/** A run that goes on after its branching, as if there were no other way. */
export function goesOn({ way }: Goal): boolean {
  return way instanceof RaceWay && way.whole;
}

/**
 * Why a run beside another failed, with what it held of its own. What the other one holds meanwhile
 * tells nothing.
 *
 * @param sinceSeq The last event that both have in common.
 */
export function failureOf({ failure, world }: SideRun, sinceSeq: number): Failure {
  const held = failure!.kind === "failed" ? world.leftovers() : [];
  return { ...failure!, held: held.filter(({ event }) => event !== null && event.seq > sinceSeq) };
}

/** A failure with a line before its notes. */
export function withNote(failure: Failure, note: string): Failure {
  return { ...failure, notes: [note, ...failure.notes] };
}
