/**
 * `race`: blocks with statements that run in every possible order.
 *
 * The blocks share one frame, and each block has its own program counter. Therefore switching from
 * one block to another only changes the program counter. The state of a block (its CPU, its
 * handlers, points that fail) is saved while another block runs. Orders are tried one by one, each
 * in a separate run from the same state.
 *
 * C code can be preempted in the middle of a statement, at each of its calls: whole statements of
 * other blocks may run before it continues. The C code is on the host's stack, so it can continue
 * only when those statements are over.
 */
import { addAll } from "@dmalab/runtime/basics";
import { findingKey, incidentName, type RunFinding } from "../values/incident.ts";
import { formatCount } from "../text/numbers.ts";
import type { RaceInfo } from "./code.ts";
import { valuesEqual } from "../values/equality.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import { nextOrder, RaceOrder } from "./race_order.ts";
import { RACE_STEP_BYTES } from "../values/limits.ts";
import { remembered } from "../values/remembered.ts";
import { LimitError } from "../values/script_error.ts";
import { ListValue, RecordValue, type Value } from "../values/value.ts";
import { type Branches, failureOf, withNote } from "./branches.ts";
import { RaceSchedule, wrongBranch } from "./branch_choice.ts";
import {
  BranchEnded,
  type Control,
  type Handler,
  type RunScope,
  StatementOver,
} from "./control.ts";
import type { Preemption } from "../values/execution_context.ts";
import type { Span } from "../source.ts";
import type { Vm } from "./vm.ts";

/** The next statement of a block. */
export interface RaceEntry {
  readonly pc: number;
  /** Index into `Code.racePoints`. */
  readonly point: number;
}

interface RaceBlock {
  /** The next statement; null at the end of the block. */
  next: RaceEntry | null;
  /** The block's handlers, scopes and CPU, while another block runs. */
  handlers: Handler[];
  scopes: RunScope[];
  cpu: number;
  /** True if the block was preempted inside a statement. */
  waits: boolean;
}

interface RunningRace {
  readonly blocks: readonly RaceBlock[];
  readonly order: RaceOrder;
  readonly whole: boolean;
  /** Where the code continues after the race. */
  readonly target: number;
  /** Numbers of handlers and scopes, and the CPU, when the race began. */
  readonly handlers: number;
  readonly scopes: number;
  readonly cpu: number;
  /** The call depth of the blocks, the base of their operands, and their frame. */
  readonly depth: number;
  readonly sp: number;
  readonly fp: number;
  /** The race around this one, if this race is a statement of another race. */
  readonly outer: RunningRace | null;
  current: RaceBlock | null;
}

interface FailedOrder {
  readonly order: RaceOrder;
  readonly message: string;
}

/** A failed run. Its machine is kept. */
interface FailedRun {
  readonly order: RaceOrder;
  readonly child: Vm;
}

/** An outcome that several orders have in common. */
interface RaceEnd {
  readonly order: RaceOrder;
  /** The faults and reports of these orders, as a key. */
  readonly incidents: string;
  readonly outcome: Value;
  orders: number;
}

/** Unexpected incidents, or leaks, in an order that did not fail. */
export interface RaceIncident {
  readonly finding: RunFinding;
  /** The run in which the incident happened. */
  readonly context: Vm;
  readonly order: RaceOrder;
  /** Number of orders in which the incident happened. */
  orders: number;
  /** Number of orders that ran. */
  runs: number;
}

/** The results of all orders. */
interface Explored {
  readonly runs: number;
  /** The number of orders that were tried; in some of them the blocks may have waited for each other. */
  readonly tries: number;
  /** The first possible order; null when none could be tried in time. */
  readonly first: RaceOrder | null;
  readonly failed: readonly FailedOrder[];
  /** The failed run with the fewest switches between blocks; null when none failed. */
  readonly simplest: FailedRun | null;
  readonly ends: readonly RaceEnd[];
  /** The limit that was reached before all orders were tried. */
  readonly limit: Error | null;
}

export class Races implements Preemption {
  /**
   * Incidents in orders of races. Those of the first order are left out, because this run continues
   * with the first order.
   */
  readonly incidents: RaceIncident[] = [];
  /** How many orders ran. */
  ordersTried = 0;
  #race: RunningRace | null = null;

  constructor(readonly vm: Control, readonly branches: Branches) {}

  /**
   * Called when the run reaches a `race`.
   *
   * @param target Where the code continues after the race.
   * @param entries The first statement of each block.
   */
  start(index: number, target: number, entries: readonly (RaceEntry | null)[]): void {
    const info = this.vm.code.races[index]!;
    const { branches } = this;
    const branching = branches.nextChoicePoint();
    const choice = branches.takeChoice(branching);
    if (choice !== null) {
      const { taken } = choice;
      const isOrder = taken instanceof RaceSchedule && taken.whole === info.whole;
      if (!isOrder) throw wrongBranch(choice, "race");
      const { wanted, whole } = taken;
      branches.raceOrder = new RaceOrder(wanted);
      this.#enter(branches.raceOrder, whole, target, entries);
      return;
    }
    const value = branches.resolvedChoices.get(branching) ??
      (info.whole ? this.#tryOrders(info, branching) : this.#raceValue(info, branching));
    branches.resolvedChoices.set(branching, value);
    this.vm.reached.add(info.trial);
    if (info.whole) {
      const wanted = (value as ListValue).items as readonly number[];
      this.#enter(new RaceOrder(wanted), true, target, entries);
    } else {
      this.vm.push(value);
      this.vm.jump(target);
    }
  }

  /**
   * Called at each statement of a block (null at its end); resumes the block that is next in the
   * order.
   */
  comeTo(next: RaceEntry | null): void {
    const race = this.#race!;
    race.current!.next = next;
    if (race.blocks.some(({ waits }) => waits)) throw new StatementOver();
    this.#goOn(race);
  }

  get isRunning(): boolean {
    return this.#race !== null;
  }

  preemptionPoint(place: () => Span | null): void {
    const race = this.#race!;
    const own = race.current!;
    // The C code is not preempted if there is a handler around the race. An error in another block
    // would then have to unwind the C code in the middle of its call.
    if (race.handlers > 0) return;
    for (let hasCome = false;; hasCome = true) {
      const able = race.blocks.filter((each) => each !== own && !each.waits && each.next !== null);
      const taken = race.order.choose(able.length + 1);
      if (taken === 0) {
        const span = hasCome ? place() : null;
        if (span !== null) {
          race.order.steps.push({ block: race.blocks.indexOf(own), statement: span });
        }
        return;
      }
      this.#runBetween(race, own, able[taken - 1]!);
    }
  }

  #runBetween(race: RunningRace, own: RaceBlock, other: RaceBlock): void {
    const { vm } = this;
    const { pc } = this.#step(race, other);
    own.waits = true;
    other.handlers = movedTo(other.handlers, vm.depth + 1, vm.sp);
    this.#change(race, other);
    vm.runBetween(pc, race.fp);
    this.#change(race, own);
    other.handlers = movedTo(other.handlers, race.depth, race.sp);
    own.waits = false;
  }

  blockForever(): void {
    const { blocks, current, handlers, order } = this.#race!;
    const canCome = ({ next, waits }: RaceBlock) => waits || handlers === 0 && next !== null;
    if (blocks.some((block) => block !== current && canCome(block))) order.isNone = true;
  }

  /**
   * Called when a handler was removed to catch an error. If no block catches the error, the error
   * ends the race for all blocks.
   */
  handlerTaken(): void {
    while (this.#race !== null && this.vm.handlers.length < this.#race.handlers) this.#leave();
  }

  /** Ends all races, when the run has failed. */
  leaveAll(): void {
    while (this.#race !== null) this.#leave();
  }

  // Running one order.

  #enter(
    order: RaceOrder,
    whole: boolean,
    target: number,
    entries: readonly (RaceEntry | null)[],
  ): void {
    const { depth, fp, handlers, scopes, sp, machine: { stream: { context: { cpu } } } } = this.vm;
    const race: RunningRace = {
      blocks: entries.map((next) => ({ next, handlers: [], scopes: [], cpu, waits: false })),
      order,
      whole,
      target,
      handlers: handlers.length,
      scopes: scopes.length,
      cpu,
      depth,
      sp,
      fp,
      outer: this.#race,
      current: null,
    };
    this.#race = race;
    this.#goOn(race);
  }

  /**
   * Resumes a block that is not at its end. When all blocks are at their end, continues with the
   * code after the race.
   */
  #goOn(race: RunningRace): void {
    const able = race.blocks.filter(({ next }) => next !== null);
    if (able.length === 0) {
      this.#race = race.outer;
      this.vm.machine.stream.context.cpu = race.cpu;
      if (!race.whole) throw new BranchEnded();
      this.vm.push(null);
      this.vm.jump(race.target);
      return;
    }
    const block = able[race.order.choose(able.length)]!;
    const { pc } = this.#step(race, block);
    if (block !== race.current) this.#change(race, block);
    this.vm.jump(pc);
  }

  /** Records that a block continues with its next statement. */
  #step({ blocks, order }: RunningRace, block: RaceBlock): RaceEntry {
    this.vm.holdMemory(RACE_STEP_BYTES);
    const { next } = block;
    const statement = this.vm.code.racePoints[next!.point]!;
    order.steps.push({ block: blocks.indexOf(block), statement });
    return next!;
  }

  #change(race: RunningRace, block: RaceBlock): void {
    const { handlers, scopes, machine: { stream } } = this.vm;
    if (race.current !== null) {
      race.current.handlers = handlers.splice(race.handlers);
      race.current.scopes = scopes.splice(race.scopes);
      race.current.cpu = stream.context.cpu;
    }
    addAll(handlers, block.handlers);
    addAll(scopes, block.scopes);
    stream.context.cpu = block.cpu;
    block.handlers = [];
    block.scopes = [];
    race.current = block;
  }

  /** Closes the scopes of the preempted blocks; those of the current block are closed as usual. */
  #leave(): void {
    const race = this.#race!;
    for (const { scopes } of race.blocks) for (const scope of scopes.reverse()) scope.leave();
    this.#race = race.outer;
  }

  // Trying all orders.

  /**
   * Runs the blocks in every order, each time together with the rest of the run.
   * @returns The choices of the first order, with which this run continues.
   */
  #tryOrders(info: RaceInfo, branching: number): ListValue {
    const { failed, first, limit, runs, simplest, tries } = this.#explore(branching, true);
    if (tries > 1) this.vm.reached.add(info.ordered);
    if (simplest === null) {
      if (limit !== null) throw tooManyOrders(limit, runs);
      return new ListValue([...first!.wanted]);
    }
    const failure = failureOf(simplest.child, this.vm.machine.stream.seq);
    const { order } = simplest;
    throw new ScriptFailure(inOrder(failure, order, info, failed.length, runs, limit !== null));
  }

  #raceValue(info: RaceInfo, branching: number): RecordValue {
    this.branches.onFork("race");
    const { ends, failed, limit, runs, tries } = this.#explore(branching, false);
    if (tries > 1) this.vm.reached.add(info.ordered);
    if (limit !== null) throw tooManyOrders(limit, runs);
    return record({
      runs,
      failures: new ListValue(
        failed.map(({ message, order }) => record({ order: order.letters, message })),
      ),
      outcomes: new ListValue(
        ends.map(({ order, orders, outcome }) => record({ order: order.letters, orders, outcome })),
      ),
    });
  }

  #explore(choicePoint: number, whole: boolean): Explored {
    const failed: FailedOrder[] = [];
    let simplest: FailedRun | null = null;
    let stuck: FailedRun | null = null;
    const ends: RaceEnd[] = [];
    const incidents = new Map<string, RaceIncident>();
    let [runs, tries] = [0, 0];
    let first: RaceOrder | null = null;
    const drop = (child: Vm) => this.branches.requireRuns("race").drop(child);
    for (let wanted: readonly number[] | null = []; wanted !== null;) {
      let child: Vm;
      try {
        child = this.branches.replay(
          { choicePoint, taken: new RaceSchedule(wanted, whole) },
          false,
          "race",
        );
      } catch (error) {
        if (!isLimit(error)) throw error;
        return { runs, tries, first, failed, simplest, ends, limit: error as Error };
      }
      tries++;
      const order = child.branches.raceOrder!;
      wanted = nextOrder(order.choices);
      if (order.isNone) {
        if (stuck === null) stuck = { order, child };
        else drop(child);
        continue;
      }
      runs++;
      this.ordersTried++;
      first ??= order;
      if (child.failure !== null) {
        failed.push({ order, message: child.failure.diagnostic.message });
        this.branches.onChildRun(child, "race", order.letters);
        if (simplest === null || order.changes < simplest.order.changes) {
          if (simplest !== null) drop(simplest.child);
          simplest = { order, child };
        } else drop(child);
        continue;
      }
      const isRead = whole
        ? this.#addIncidents(incidents, child, order)
        : this.#addEnd(ends, child, order);
      if (!isRead) drop(child);
    }
    // This run continues with the first order. It reports the incidents of that order as its own,
    // so they are not added here.
    for (const incident of incidents.values()) {
      incident.runs = runs;
      if (incident.order !== first) this.incidents.push(incident);
    }
    if (first === null && stuck !== null) {
      // A deadlock: whatever the order, each block waits for another one.
      const { order, child } = stuck;
      if (child.failure !== null) {
        simplest = stuck;
        failed.push({ order, message: child.failure.diagnostic.message });
      } else this.#addEnd(ends, child, order);
      return { runs: 1, tries, first: order, failed, simplest, ends, limit: null };
    }
    return { runs, tries, first, failed, simplest, ends, limit: null };
  }

  /**
   * Counts unexpected incidents: once for each place and kind.
   * @returns Whether one of them is the first of its kind, so that the run must be kept.
   */
  #addIncidents(incidents: Map<string, RaceIncident>, child: Vm, order: RaceOrder): boolean {
    const known = incidents.size;
    const keys = new Set<string>();
    const unexpected = child.machine.incidents.filter((event) =>
      !child.expectedIncidents.has(event)
    );
    for (const finding of [...unexpected, ...child.machine.leftovers()]) {
      const key = findingKey(finding);
      if (keys.has(key)) continue;
      keys.add(key);
      const begin = (): RaceIncident => ({ finding, context: child, order, orders: 0, runs: 0 });
      remembered(incidents, key, begin).orders++;
    }
    return incidents.size > known;
  }

  /**
   * Counts an order together with the other orders that ended in the same way.
   * @returns Whether it is the first of them, so that the run must be kept.
   */
  #addEnd(ends: RaceEnd[], child: Vm, order: RaceOrder): boolean {
    const branch = this.branches.outcomeOf(child, []);
    const outcome = this.vm.registry.outcomeValue(branch);
    const { seq } = child.branches.branch!;
    const incidents = child.machine.incidents.filter((event) => event.seq > seq)
      .map(incidentName).join(" ");
    const same = ends.find((end) =>
      end.incidents === incidents && valuesEqual(end.outcome, outcome, this.vm)
    );
    if (same !== undefined) {
      same.orders++;
      return false;
    }
    ends.push({ order, incidents, outcome, orders: 1 });
    this.branches.onChildRun(child, "race", order.letters);
    return true;
  }
}

/** Copies handlers, and gives the copies another frame's depth and operand position. */
function movedTo(handlers: readonly Handler[], depth: number, sp: number): Handler[] {
  return handlers.map((handler) => ({ ...handler, depth, sp }));
}

function record(entries: Readonly<Record<string, Value>>): RecordValue {
  return new RecordValue(new Map(Object.entries(entries)));
}

function isLimit(error: unknown): boolean {
  return error instanceof LimitError ||
    error instanceof ScriptFailure && error.failure.kind === "limit";
}

function tooManyOrders(limit: Error, runs: number): Error {
  if (!(limit instanceof LimitError)) return limit;
  return new LimitError(
    limit.code,
    `${limit.message}; ${formatCount(runs, "order")} of the race were tried, and there are more`,
    limit.hint ?? undefined,
  );
}

/** The failure, with the order that caused it. */
function inOrder(
  failure: Failure,
  order: RaceOrder,
  { blocks }: RaceInfo,
  failed: number,
  runs: number,
  stopped: boolean,
): Failure {
  const letters = blocks === 2 ? "A is the first block, B the second" : "A is the first block";
  const all = `${stopped ? "the " : ""}${formatCount(runs, "order")}${stopped ? " tried" : ""}`;
  const share = failed === 1 ? `the only one of ${all} that fails` : `${failed} of ${all} fail`;
  const lines = [`in this order of the race (${letters}); ${share}:`, ...order.lines()];
  return lines.reduceRight(withNote, failure);
}
