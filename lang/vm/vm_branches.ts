/**
 * Statements that try things out: points that fail, blocks that run on machines of their own, and
 * what must hold all the while.
 *
 * A machine is never copied. Since the same program on the same machine does the same again, a
 * branch is reached by doing the run again up to it, on a new machine, and then going the other way
 * (language.md, Stepping). Branchings are numbered in the order in which a run comes to them, and
 * that number is how the second run knows where to turn off.
 */
import type { LabConfig } from "../../devices/lab_config.ts";
import type { EventFields } from "../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import type { Leak } from "../../runtime/held_resources.ts";
import type { MachineVariant } from "../run/combinations.ts";
import type { FaultPlaceName, ResourceWatch } from "../run/world.ts";
import { formatEventText } from "../render/event_line.ts";
import { formatCount } from "../render/numbers.ts";
import { formatOrdinal } from "../render/ordinal.ts";
import type { Span } from "../source.ts";
import { BRANCH_NAMES, type BranchOutcome, describeSettings } from "./branch_outcome.ts";
import type {
  ComparedMachine,
  CompareInfo,
  FailEachInfo,
  FailInfo,
  InvariantInfo,
  MachineSetting,
} from "./code.ts";
import { ExpectationError, type Failure, ScriptFailure } from "./failure.ts";
import type { Raised } from "./outcome.ts";
import { describeValue } from "./operators.ts";
import type { RaceOrder } from "./race_order.ts";
import { MACHINE_STEPS } from "./limits.ts";
import { LimitError, ScriptError } from "./script_error.ts";
import { refuseForeign } from "./foreign_things.ts";
import { Closure, ListValue, RangeValue, RecordValue, type Value } from "./value.ts";
import { BranchEnded, Raising, type RunScope, type VmState } from "./vm_core.ts";
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
interface Branch {
  readonly seq: number;
  readonly startNs: number;
  readonly assertions: number;
  readonly counts: readonly number[];
  readonly watch: ResourceWatch;
  /** The error that ended it. */
  raised: Raised | null;
}

/** A mistake that the checker reported only because something failed. */
export interface SweepIncident {
  readonly event: MachineEvent;
  /** The run it happened in. */
  readonly run: VmBranches;
  /** What failed, as a clause. */
  readonly when: string;
  /** At how many places of how many it was reported so. */
  places: number;
  readonly tried: number;
}

/** A `fail each` whose block is running. */
class EachScope implements RunScope {
  /** @param leave Undoes what its beginning did. */
  constructor(
    readonly info: FailEachInfo,
    readonly branching: number,
    /** `wanted`: this run is here for one place only; `known`: its places were all tried before. */
    readonly role: "main" | "wanted" | "known",
    readonly places: () => readonly FaultPlaceName[],
    readonly leaks: () => readonly Leak[],
    readonly leave: () => void,
  ) {}
}

const NOTHING: RunScope = { leave: () => {} };
/** Leaks and places that a failure lists. */
const LISTED = 6;

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
  #branchings = 0;
  #turns = 0;
  #branch: Branch | null = null;
  /** What `fail each` came upon and nobody expected. */
  readonly sweepIncidents: SweepIncident[] = [];
  /** Assertions before the wanted branch began. */
  #assertionsBefore: number | null = null;
  #checking = false;

  override resume(steps?: number): VmState {
    const state = super.resume(steps);
    this.#branch?.watch.stop();
    if (state !== "done" || this.broken === null) return state;
    this.fail(this.broken);
    this.broken = null;
    return "failed";
  }

  /** The run has come to the branch that it was sent to. */
  get arrived(): boolean {
    return this.goals.length > 0 && this.#turns === this.goals.length;
  }

  // Points that fail.

  protected startFail(info: FailInfo, nth: Value): void {
    const [first, last] = passings(info.hasNth ? nth : null);
    const disarm = this.world.armFault({ point: info.point, first, last, error: info.error });
    this.scopes.push({
      leave: () => {
        if (disarm() > 0) this.expecting(info.expectation);
      },
    });
  }

  protected startFailEach(info: FailEachInfo): void {
    const branching = this.nextBranching();
    const goal = this.turn(branching);
    if (goal !== null) {
      const { nth, point } = goal.way as FaultPlaceName;
      const disarm = this.world.armFault({ point, first: nth, last: nth, error: null });
      const scope = new EachScope(info, branching, "wanted", () => [], () => [], disarm);
      this.scopes.push(scope);
      return;
    }
    if (this.known.has(branching)) {
      const { leave } = NOTHING;
      this.scopes.push(new EachScope(info, branching, "known", () => [], () => [], leave));
      return;
    }
    this.wantRuns("fail each");
    const count = this.world.countFaults();
    const watch = this.world.watchResources();
    const leave = () => {
      count.stop();
      watch.stop();
    };
    this.scopes.push(
      new EachScope(info, branching, "main", () => count.places, () => watch.leaks(), leave),
    );
  }

  protected endFailEach(): void {
    const scope = this.scopes.pop() as EachScope;
    scope.leave();
    if (scope.role === "wanted") throw new BranchEnded();
    if (scope.role === "known") return;
    const { branching, info } = scope;
    this.expecting(info.expectation);
    const left = scope.leaks();
    if (left.length > 0) throw this.#leaked(info, null, left);
    const places = scope.places();
    const leaking: { readonly place: FaultPlaceName; readonly leaks: readonly Leak[] }[] = [];
    const reported = new Map<string, SweepIncident>();
    for (const place of places) {
      this.expecting(info.expectation);
      const side = this.again({ branching, way: place }, false);
      if (side.failure !== null) throw new ScriptFailure(whileFailing(side.failure, place));
      const leaks = side.#branch!.watch.leaks();
      if (leaks.length > 0) leaking.push({ place, leaks });
      this.#addReports(reported, side, place, places.length);
    }
    this.known.set(branching, null);
    if (leaking.length > 0) throw this.#leakedAt(info, leaking, places.length);
    if (this.world.checkerFails) this.#judgeReports(info, reported);
    this.sweepIncidents.push(...reported.values());
  }

  /** Counts reports that the block without a fault does not draw: once for each place and class. */
  #addReports(
    reported: Map<string, SweepIncident>,
    side: VmBranches,
    place: FaultPlaceName,
    tried: number,
  ): void {
    const usual = new Set(this.world.incidents.map(reportClass));
    const keys = new Set<string>();
    for (const event of side.world.incidents) {
      const name = reportClass(event);
      if (name === null || usual.has(name) || side.expectedIncidents.has(event)) continue;
      const key = `${name} ${event.site}`;
      if (event.seq <= side.#branch!.seq || keys.has(key)) continue;
      keys.add(key);
      const known = reported.get(key);
      if (known !== undefined) known.places++;
      else {
        const when = placeText(place);
        reported.set(key, { event, run: side, when, places: 1, tried });
      }
    }
  }

  #judgeReports(info: FailEachInfo, reported: ReadonlyMap<string, SweepIncident>): void {
    const [first] = reported.values();
    if (first === undefined) return;
    const { event, places, tried, when } = first;
    const { text } = event.fields as EventFields<"dma.report">;
    throw new ExpectationError("E0908", `Unexpected report ${reportClass(event)} when ${when}`, {
      span: headOf(info.span),
      notes: [text, `${places} of ${tried} places draw it`],
      hint: `where it is meant, write \`warns ${reportClass(event)}\` after the call`,
    });
  }

  #leaked(info: FailEachInfo, where: string | null, leaks: readonly Leak[]): ExpectationError {
    const [first] = leaks;
    const site = first?.taken?.site ?? null;
    const taken = site === null ? null : this.siteSpan(site);
    return new ExpectationError(
      "E0921",
      where === null
        ? "The block itself leaks, before anything is made to fail"
        : `Something leaks when ${where}`,
      {
        span: headOf(info.span),
        notes: leakLines(leaks),
        ...(taken === null ? {} : { related: [{ span: taken, message: "taken here" }] }),
        ...(where === null ? { hint: "what it takes must be given back in the block" } : {}),
      },
    );
  }

  #leakedAt(
    info: FailEachInfo,
    leaking: readonly { readonly place: FaultPlaceName; readonly leaks: readonly Leak[] }[],
    tried: number,
  ): ExpectationError {
    const [{ leaks, place }, ...others] = leaking as [typeof leaking[number], ...typeof leaking];
    const error = this.#leaked(info, placeText(place), leaks);
    const more = others.slice(0, LISTED).flatMap((other) => [
      `and when ${placeText(other.place)}:`,
      ...leakLines(other.leaks),
    ]);
    const rest = others.length - LISTED;
    return new ExpectationError(error.code, error.message, {
      ...error.details,
      notes: [
        ...error.details.notes ?? [],
        ...more,
        ...rest > 0 ? [`and at ${formatCount(rest, "more place")}`] : [],
        `${leaking.length} of ${tried} places leak`,
      ],
    });
  }

  // Blocks on machines of their own.

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
    this.#branch?.watch.stop();
    this.#branch = {
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
    if (this.#branch === null) return false;
    this.#branch.raised = raising.raised;
    return true;
  }

  /** The number of the branching that the run has come to. */
  protected nextBranching(): number {
    return ++this.#branchings;
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
    const before = side.#assertionsBefore ?? side.#branch?.assertions ?? side.assertions;
    this.assertions += side.assertions - before;
    const { failure } = side;
    if (failure?.kind !== "limit") return;
    // Its own limit was what this run had left.
    if (failure.diagnostic.code === "E0801") throw this.tooManySteps();
    throw new ScriptFailure(failure);
  }

  protected outcomeOf(side: VmBranches, settings: readonly MachineSetting[]): BranchOutcome {
    const { raised, counts, seq, startNs, watch } = side.#branch!;
    const { recorder } = side.world;
    if (recorder.droppedEvents > 0) {
      throw new LimitError("E0805", `More than ${recorder.limitEvents} events happened`);
    }
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

  // What must hold.

  /** Checks a condition now and after every event, until the block it stands in ends. */
  protected startInvariant(info: InvariantInfo, condition: Value): void {
    const closure = condition as Closure;
    this.expecting(info.expectation);
    this.#check(info, closure, null);
    if (this.broken !== null) this.throwBroken();
    const stop = this.world.listen((event) => {
      // What asking makes happen is found out when it has been asked.
      if (!this.#checking) this.#check(info, closure, event);
    });
    this.scopes.push({ leave: stop });
  }

  #check(info: InvariantInfo, condition: Closure, event: MachineEvent | null): void {
    if (this.broken !== null) return;
    const { seq, site } = this.world.stream;
    this.#checking = true;
    try {
      this.call(condition, []);
      if (this.world.stream.seq !== seq) {
        this.broken = notOnlyLooking(info, this.recorder.after(seq)[0]?.name ?? "an event");
      }
    } catch (error) {
      this.broken ??= this.#breach(info, event, error);
    } finally {
      this.#checking = false;
      this.world.stream.site = site;
    }
  }

  /** What is said of an invariant that does not hold, or that cannot be asked. */
  #breach(info: InvariantInfo, event: MachineEvent | null, error: unknown): Error {
    if (error instanceof Raising) {
      const { errno, what } = error.raised;
      return new ExpectationError("E0923", `Invariant "${info.name}" cannot be asked`, {
        span: info.span,
        notes: [`${errno}: ${what}`],
      });
    }
    if (!(error instanceof ScriptFailure)) return error as Error;
    const { failure } = error;
    if (failure.diagnostic.code !== "E0901") return error;
    const span = event === null || event.site === null ? null : this.siteSpan(event.site);
    const moment = event === null ? "where it begins" : `after event ${event.seq}, ${event.name}`;
    const here = span === null ? [] : [{ span, message: "the statement that was running" }];
    return new ScriptFailure({
      ...failure,
      diagnostic: {
        ...failure.diagnostic,
        code: "E0923",
        message: `Invariant "${info.name}" does not hold ${moment}`,
        related: here,
      },
      notes: event === null ? [] : [`event ${event.seq}: ${formatEventText(event)}`],
    });
  }
}

/** A run that goes on after its branching, as if there were no other way. */
export function goesOn({ way }: Goal): boolean {
  return way instanceof RaceWay && way.whole;
}

/** Asking must not make anything happen: it would change what is asked about. */
function notOnlyLooking(info: InvariantInfo, eventName: string): Error {
  return new ExpectationError(
    "E0924",
    `Invariant "${info.name}" makes something happen: ${eventName}`,
    { span: info.span, hint: "it may look at the machine, and call only what answers questions" },
  );
}

/** The passings that fail: all where nothing is said, one, or those of a range. */
function passings(nth: Value): readonly [first: number, last: number] {
  if (nth === null) return [1, Infinity];
  const [first, last] = nth instanceof RangeValue && nth.kind === "int"
    ? [nth.first, nth.end - 1]
    : [nth, nth];
  if (typeof first !== "number" || typeof last !== "number" || first < 1 || last < first) {
    throw new ScriptError(
      "E0919",
      `Cannot fail at occurrence ${describeValue(nth)}`,
      "`nth` takes an int from 1 on, or a range such as `2..=4`",
    );
  }
  return [first, last];
}

/** The class of a report; null for what is a fault. */
function reportClass({ fields, name }: MachineEvent): string | null {
  return name === "dma.report" ? (fields as EventFields<"dma.report">).class : null;
}

function placeText({ nth, point }: FaultPlaceName): string {
  return `\`${point}\` fails the ${formatOrdinal(nth)} time`;
}

function leakLines(leaks: readonly Leak[]): string[] {
  const lines = leaks.slice(0, LISTED).map(({ device, text }) =>
    `  ${device === null || device === "" ? "" : `${device}: `}${text}`
  );
  return leaks.length > LISTED ? [...lines, `  and ${leaks.length - LISTED} more`] : lines;
}

function whileFailing(failure: Failure, place: FaultPlaceName): Failure {
  return withNote(failure, `while ${placeText(place)} (\`fail each\`)`);
}

export function withNote(failure: Failure, note: string): Failure {
  return { ...failure, notes: [note, ...failure.notes] };
}

/** The first line of a statement stands for all of it. */
function headOf(span: Span): Span {
  const { end, source, start } = span;
  const newline = source.text.indexOf("\n", start);
  return newline < 0 || newline > end ? span : { source, start, end: newline };
}
