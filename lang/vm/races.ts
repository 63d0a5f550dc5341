/**
 * `race`: blocks whose statements run in every order there is.
 *
 * The blocks share one frame, and each is a place to go on at, so that changing from one to another
 * is no more than another program counter. What a block has open (a CPU that it runs on, errors it
 * takes, points that fail) is put aside while another one runs. Orders are tried one by one, each in
 * a run of its own from the very same state.
 */
import { type IncidentEvent, incidentName, isIncident } from "../values/incident.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import type { Leftover } from "../../runtime/leaks/leftovers.ts";
import { formatCount } from "../text/numbers.ts";
import type { RaceInfo } from "./code.ts";
import { valuesEqual } from "../values/equality.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import { nextOrder, RaceOrder } from "./race_order.ts";
import { RACE_STEP_BYTES } from "../values/limits.ts";
import { LimitError } from "../values/script_error.ts";
import { ListValue, RecordValue, type Value } from "../values/value.ts";
import { type Branches, RaceWay, type SideRun, withNote } from "./branches.ts";
import { BranchEnded, type Control, type Handler, type RunScope } from "./control.ts";

/** The statement that a block comes to next. */
export interface RaceEntry {
  readonly pc: number;
  /** Index into `Code.racePoints`. */
  readonly point: number;
}

/** A block of a race that is running. */
interface RaceBlock {
  /** Null at its end. */
  next: RaceEntry | null;
  /** What it has open, while another block runs. */
  handlers: Handler[];
  scopes: RunScope[];
  cpu: number;
}

/** A race that is running. */
interface RunningRace {
  readonly blocks: readonly RaceBlock[];
  readonly order: RaceOrder;
  readonly whole: boolean;
  /** Where the code goes on after the race. */
  readonly target: number;
  /** What was open before it. */
  readonly handlers: number;
  readonly scopes: number;
  readonly cpu: number;
  /** The race that this one is a statement of. */
  readonly outer: RunningRace | null;
  current: RaceBlock | null;
}

/** An order in which something failed. */
interface FailedOrder {
  readonly order: RaceOrder;
  readonly failure: Failure;
}

/** An end that some orders have in common. */
interface RaceEnd {
  readonly order: RaceOrder;
  /** The faults and reports on the way. */
  readonly incidents: string;
  readonly outcome: Value;
  orders: number;
}

/** What nobody expected, or what was left, in an order that did not fail. */
export interface RaceIncident {
  readonly finding: IncidentEvent | Leftover;
  /** The run in which it happened. */
  readonly run: SideRun;
  readonly order: RaceOrder;
  /** In how many orders it did. */
  orders: number;
  /** Of how many. */
  runs: number;
}

/** What came of all orders. */
interface Explored {
  readonly runs: number;
  readonly failed: readonly FailedOrder[];
  readonly ends: readonly RaceEnd[];
  /** The limit that was reached before all orders were tried. */
  readonly limit: Error | null;
}

export class Races {
  /** What happened in orders of races, but not in the first, which this run has gone on with. */
  readonly incidents: RaceIncident[] = [];
  #race: RunningRace | null = null;

  constructor(readonly vm: Control, readonly branches: Branches) {}

  /**
   * Comes to a `race`.
   *
   * @param target Where the code goes on after it.
   * @param entries The first statement of each block.
   */
  start(index: number, target: number, entries: readonly (RaceEntry | null)[]): void {
    const info = this.vm.code.races[index]!;
    const { branches } = this;
    const branching = branches.nextBranching();
    const goal = branches.turn(branching);
    if (goal !== null) {
      const { wanted, whole } = goal.way as RaceWay;
      branches.raceOrder = new RaceOrder(wanted);
      this.#enter(branches.raceOrder, whole, target, entries);
    } else if (info.whole) {
      if (!branches.known.has(branching)) this.#tryOrders(info, branching);
      branches.known.set(branching, null);
      this.#enter(new RaceOrder([]), true, target, entries);
    } else {
      const value = branches.known.get(branching) ?? this.#raceValue(branching);
      branches.known.set(branching, value);
      this.vm.push(value);
      this.vm.jump(target);
    }
  }

  /** A block comes to its next statement, or with null to its end: whose turn it is goes on. */
  comeTo(next: RaceEntry | null): void {
    this.#race!.current!.next = next;
    this.#goOn(this.#race!);
  }

  /** A handler was taken off to take an error: one that no block takes ends the race for all. */
  handlerTaken(): void {
    while (this.#race !== null && this.vm.handlers.length < this.#race.handlers) this.#leave();
  }

  /** The run has failed. */
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
    const { handlers, scopes, world: { stream: { context: { cpu } } } } = this.vm;
    const race: RunningRace = {
      blocks: entries.map((next) => ({ next, handlers: [], scopes: [], cpu })),
      order,
      whole,
      target,
      handlers: handlers.length,
      scopes: scopes.length,
      cpu,
      outer: this.#race,
      current: null,
    };
    this.#race = race;
    this.#goOn(race);
  }

  /** Lets one of the blocks go on that are not at their end; past the last end goes the code behind. */
  #goOn(race: RunningRace): void {
    const able = race.blocks.filter(({ next }) => next !== null);
    if (able.length === 0) {
      this.#race = race.outer;
      this.vm.world.stream.context.cpu = race.cpu;
      if (!race.whole) throw new BranchEnded();
      this.vm.push(null);
      this.vm.jump(race.target);
      return;
    }
    this.vm.holdMemory(RACE_STEP_BYTES);
    const block = able[race.order.choose(able.length)]!;
    const { pc, point } = block.next!;
    race.order.steps.push({
      block: race.blocks.indexOf(block),
      statement: this.vm.code.racePoints[point]!,
    });
    if (block !== race.current) this.#change(race, block);
    this.vm.jump(pc);
  }

  #change(race: RunningRace, block: RaceBlock): void {
    const { handlers, scopes, world: { stream } } = this.vm;
    if (race.current !== null) {
      race.current.handlers = handlers.splice(race.handlers);
      race.current.scopes = scopes.splice(race.scopes);
      race.current.cpu = stream.context.cpu;
    }
    handlers.push(...block.handlers);
    scopes.push(...block.scopes);
    stream.context.cpu = block.cpu;
    block.handlers = [];
    block.scopes = [];
    race.current = block;
  }

  /** Ends what the blocks have open that do not run; the one that does is left as any block is. */
  #leave(): void {
    const race = this.#race!;
    for (const { scopes } of race.blocks) for (const scope of scopes.reverse()) scope.leave();
    this.#race = race.outer;
  }

  // Trying all orders.

  /** Runs everything that follows, too, in every order but the first, which this run goes on with. */
  #tryOrders(info: RaceInfo, branching: number): void {
    const { failed, limit, runs } = this.#explore(branching, true);
    if (failed.length === 0) {
      if (limit !== null) throw tooManyOrders(limit, runs);
      return;
    }
    const simplest = failed.reduce((best, one) =>
      one.order.changes < best.order.changes ? one : best
    );
    throw new ScriptFailure(inOrder(simplest, info, failed.length, runs, limit !== null));
  }

  #raceValue(branching: number): RecordValue {
    const { ends, failed, limit, runs } = this.#explore(branching, false);
    if (limit !== null) throw tooManyOrders(limit, runs);
    return record({
      runs,
      failures: new ListValue(
        failed.map(({ failure: { diagnostic }, order }) =>
          record({ order: order.letters, message: diagnostic.message })
        ),
      ),
      outcomes: new ListValue(
        ends.map(({ order, orders, outcome }) => record({ order: order.letters, orders, outcome })),
      ),
    });
  }

  #explore(branching: number, whole: boolean): Explored {
    const failed: FailedOrder[] = [];
    const ends: RaceEnd[] = [];
    const incidents = new Map<string, RaceIncident>();
    let runs = 0;
    for (let wanted: readonly number[] | null = []; wanted !== null;) {
      let side: SideRun;
      try {
        side = this.branches.again({ branching, way: new RaceWay(wanted, whole) }, false, "race");
      } catch (error) {
        if (!isLimit(error)) throw error;
        return { runs, failed, ends, limit: error as Error };
      }
      runs++;
      const order = side.branches.raceOrder!;
      if (side.failure !== null) failed.push({ order, failure: side.failure });
      else if (whole) this.#addIncidents(incidents, side, order);
      else this.#addEnd(ends, side, order);
      wanted = nextOrder(order.choices);
    }
    // The first order is this run's own, which tells what happens in it.
    for (const incident of incidents.values()) {
      incident.runs = runs;
      if (incident.order.wanted.length > 0) this.incidents.push(incident);
    }
    return { runs, failed, ends, limit: null };
  }

  /** Counts what happened to nobody's surprise but the script's: once for each place and kind. */
  #addIncidents(incidents: Map<string, RaceIncident>, side: SideRun, order: RaceOrder): void {
    const keys = new Set<string>();
    const add = (finding: IncidentEvent | Leftover, key: string) => {
      if (keys.has(key)) return;
      keys.add(key);
      const known = incidents.get(key);
      if (known === undefined) {
        incidents.set(key, { finding, run: side, order, orders: 1, runs: 0 });
      } else known.orders++;
    };
    for (const event of side.world.incidents) {
      if (side.expectedIncidents.has(event)) continue;
      add(event, [event.name, incidentName(event), event.site].join(" "));
    }
    for (const leak of side.world.leftovers()) {
      add(leak, ["leak", leak.kind, leak.device, leak.site].join(" "));
    }
  }

  /** Counts an order with those that came to the same end. */
  #addEnd(ends: RaceEnd[], side: SideRun, order: RaceOrder): void {
    const branch = this.branches.outcomeOf(side, []);
    const outcome = this.vm.registry.outcomeValue(branch);
    const incidents = incidentWords(branch.events);
    const same = ends.find((end) =>
      end.incidents === incidents && valuesEqual(end.outcome, outcome, this.vm)
    );
    if (same === undefined) ends.push({ order, incidents, outcome, orders: 1 });
    else same.orders++;
  }
}

function record(entries: Readonly<Record<string, Value>>): RecordValue {
  return new RecordValue(new Map(Object.entries(entries)));
}

/** What the checker and the IOMMU had to say, in the order in which they did. */
function incidentWords(events: readonly MachineEvent[]): string {
  return events.filter(isIncident).map(incidentName).join(" ");
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

/** The failure, with the order that led to it. */
function inOrder(
  { failure, order }: FailedOrder,
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
