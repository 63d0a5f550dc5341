/**
 * Runs that are done again, and blocks that run on machines of their own.
 *
 * A machine is never copied. Since the same program on the same machine does the same again, a
 * branch is reached by doing the run again up to it, on a new machine, and then going the other way
 * (language.md, Stepping). Branchings are numbered in the order in which a run comes to them, and
 * that number is how the second run knows where to turn off.
 */
import type { LabConfig } from "../../devices/lab_config.ts";
import type { FaultPlaceName, ResourceWatch } from "../values/world.ts";
import { BRANCH_NAMES, type BranchOutcome } from "../values/branch_outcome.ts";
import {
  type ComparedMachine,
  describeSettings,
  type MachineSetting,
  type MachineVariant,
} from "../values/machine_variant.ts";
import type { CompareInfo } from "./code.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import type { Raised } from "../values/raised_error.ts";
import type { RaceOrder } from "./race_order.ts";
import { MACHINE_STEPS } from "../values/limits.ts";
import { ScriptError } from "../values/script_error.ts";
import { refuseForeign } from "./foreign_things.ts";
import { Closure, ListValue, RecordValue, type Value } from "../values/value.ts";
import { BranchEnded, Raising, type VmState } from "./vm_core.ts";
import { VmStatements } from "./vm_statements.ts";

/** A turn off the main way: at which branching, and which way. */
export interface Goal {
  readonly branching: number;
  /** The block of `fork`, from 0; for `fail each` the place that fails; for `race` the order. */
  readonly way: number | FaultPlaceName | RaceWay;
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
  /** Values of branchings that the way there comes by, so that they are not tried out again. */
  readonly known: ReadonlyMap<number, Value>;
  /** Steps it may take. */
  readonly steps: number;
  /** Whether the branch's own lines are written. */
  readonly speaks: boolean;
}

/** Starts runs beside the one that is going on. */
export interface Runs {
  /** Does the run again, on a new machine, to the end of the branch that is wanted. */
  again(request: AgainRequest): VmBranches;
  /** What the test, and comparisons around, change of the machine block. */
  readonly variants: readonly MachineVariant[];
  /** Runs a block from its beginning on a new machine. */
  elsewhere(
    machine: ComparedMachine,
    config: LabConfig,
    block: Closure,
    steps: number,
  ): VmBranches;
}

/** A branch that has begun. */
export interface Branch {
  readonly seq: number;
  readonly startNs: number;
  readonly assertions: number;
  readonly counts: readonly number[];
  readonly watch: ResourceWatch;
  /** The error that ended it. */
  raised: Raised | null;
}

export abstract class VmBranches extends VmStatements {
  /** Null where a run cannot be done again: in a bench, and while consts are worked out. */
  runs: Runs | null = null;
  goals: readonly Goal[] = [];
  /** Called when the wanted branch begins. */
  onBranch: () => void = () => {};
  /** Values of branchings that were tried out. */
  readonly known = new Map<number, Value>();
  /** The order in which the wanted race has gone so far. */
  raceOrder: RaceOrder | null = null;
  branchings = 0;
  #turns = 0;
  /** The branch that has begun, in a run that is here for it. */
  branch: Branch | null = null;
  /** Assertions before the wanted branch began. */
  #assertionsBefore: number | null = null;

  override resume(steps?: number): VmState {
    const state = super.resume(steps);
    this.branch?.watch.stop();
    if (state !== "done" || this.broken === null) return state;
    this.fail(this.broken);
    this.broken = null;
    return "failed";
  }

  /** The run has come to the branch that it was sent to. */
  get arrived(): boolean {
    return this.goals.length > 0 && this.#turns === this.goals.length;
  }

  /** The run has still to come to the branch that it was sent to. */
  protected get onItsWay(): boolean {
    return this.#turns < this.goals.length;
  }

  /**
   * Comes to a `fork`.
   * @returns The block to run, in a run that is here for it; else the value of the whole.
   */
  protected fork(branches: number): number | RecordValue {
    const branching = this.nextBranching();
    const goal = this.turn(branching);
    if (goal !== null) return goal.way as number;
    const known = this.known.get(branching);
    if (known instanceof RecordValue) return known;
    this.wantRuns("fork");
    const entries = new Map<string, Value>();
    for (let way = 0; way < branches; way++) {
      const side = this.again({ branching, way }, true);
      if (side.failure !== null) throw new ScriptFailure(side.failure);
      entries.set(BRANCH_NAMES[way]!, this.registry.outcomeValue(this.outcomeOf(side, [])));
    }
    const value = new RecordValue(entries);
    this.known.set(branching, value);
    return value;
  }

  protected endBranch(): never {
    throw new BranchEnded();
  }

  /** Runs the block of a `compare` on each of its machines. */
  protected compare({ machines }: CompareInfo, block: Value): ListValue {
    const branching = this.nextBranching();
    const known = this.known.get(branching);
    if (known instanceof ListValue) return known;
    const runs = this.wantRuns("compare");
    const closure = block as Closure;
    for (const value of closure.captured) refuseForeign(value);
    const outcomes = machines.map((machine) => {
      const config = machine.build(runs.variants);
      const label = describeSettings(machine.settings);
      if (typeof config === "string") {
        throw new ScriptError("E0919", `There is no machine with ${label}: ${config}`);
      }
      const given = this.steps;
      const side = runs.elsewhere(machine, config, closure, given);
      this.#adopt(side, given);
      if (side.failure !== null) {
        throw new ScriptFailure(withNote(side.failure, `on the machine with ${label}`));
      }
      return this.registry.outcomeValue(this.outcomeOf(side, machine.settings));
    });
    const value = new ListValue(outcomes);
    this.known.set(branching, value);
    return value;
  }

  /** Enters a block that is run from its beginning; `resume` runs it. */
  startBlock(block: Closure): void {
    this.start(block.functionIndex);
    this.bindCaptured(block);
    this.beginBranch();
  }

  /** What happens from here on is the branch's. */
  protected beginBranch(): void {
    const { registry, world } = this;
    // What the way here was ready to take is not for the branch.
    this.handlers.length = 0;
    this.branch?.watch.stop();
    this.branch = {
      seq: world.stream.seq,
      startNs: world.nowNs(),
      assertions: this.assertions,
      counts: registry.eventNames.map((name) => world.count(name)),
      watch: world.watchResources(),
      raised: null,
    };
    this.onBranch();
  }

  protected override endsBranch(raising: Raising): boolean {
    if (this.branch === null) return false;
    this.branch.raised = raising.raised;
    return true;
  }

  /** The number of the branching that the run has come to. */
  protected nextBranching(): number {
    return ++this.branchings;
  }

  /** The turn to take at a branching; null where the way goes straight on. */
  protected turn(branching: number): Goal | null {
    const goal = this.goals[this.#turns];
    if (goal?.branching !== branching) return null;
    this.#turns++;
    if (!goesOn(goal) && this.goals.slice(this.#turns).every(goesOn)) this.beginBranch();
    if (this.#turns === this.goals.length) this.#assertionsBefore = this.assertions;
    return goal;
  }

  protected again(goal: Goal, speaks: boolean, word = "fork"): VmBranches {
    this.steps -= MACHINE_STEPS;
    if (this.steps < 0) throw this.tooManySteps();
    const given = this.steps;
    const side = this.wantRuns(word).again({
      goals: [...this.goals.slice(0, this.#turns), goal],
      known: new Map([...this.known].filter(([branching]) => branching < goal.branching)),
      steps: given,
      speaks,
    });
    this.#adopt(side, given);
    if (side.failure === null && !side.arrived) {
      throw new Error("The run did not come to its branch again");
    }
    return side;
  }

  /** What a run beside this one has used, checked and reached counts here. */
  #adopt(side: VmBranches, given: number): void {
    this.steps -= Math.max(0, given - side.stepsLeft);
    for (const expectation of side.reached) this.reached.add(expectation);
    const before = side.#assertionsBefore ?? side.branch?.assertions ?? side.assertions;
    this.assertions += side.assertions - before;
    const { failure } = side;
    if (failure?.kind !== "limit") return;
    // Its own limit was what this run had left.
    if (failure.diagnostic.code === "E0801") throw this.tooManySteps();
    throw new ScriptFailure(failure);
  }

  protected outcomeOf(side: VmBranches, settings: readonly MachineSetting[]): BranchOutcome {
    const { raised, counts, seq, startNs, watch } = side.branch!;
    const { recorder } = side.world;
    this.wantAllEvents(recorder);
    this.chargeMemory(side.world.touchedBytes);
    return {
      settings,
      world: side.world,
      raised,
      events: recorder.after(seq),
      counts: new Map(
        this.registry.eventNames.map((name, index) =>
          [name, side.world.count(name) - counts[index]!] as const
        ).filter(([, count]) => count > 0),
      ),
      durationNs: side.world.nowNs() - startNs,
      leaks: watch.leaks(),
    };
  }

  protected wantRuns(word: string): Runs {
    if (this.runs === null) {
      throw new ScriptError(
        "E0922",
        `\`${word}\` needs a run that can be done again: a test, or statements of a file`,
        "a bench and a const have none",
      );
    }
    return this.runs;
  }
}

/** A run that goes on after its branching, as if there were no other way. */
export function goesOn({ way }: Goal): boolean {
  return way instanceof RaceWay && way.whole;
}

/** A failure with a line before its notes. */
export function withNote(failure: Failure, note: string): Failure {
  return { ...failure, notes: [note, ...failure.notes] };
}
