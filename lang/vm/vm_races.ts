/**
 * `race`: blocks whose statements run in every order there is.
 *
 * The blocks share one frame, and each is a place to go on at, so that changing from one to another
 * is no more than another program counter. What a block has open (a CPU that it runs on, errors it
 * takes, points that fail) is put aside while another one runs. Orders are tried one by one, each in
 * a run of its own from the very same state.
 */
import type { MachineEvent } from "../../runtime/events.ts";
import { formatCount } from "../text/numbers.ts";
import type { RaceInfo } from "./code.ts";
import { valuesEqual } from "../values/equality.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import { nextOrder, RaceOrder } from "./race_order.ts";
import { RACE_STEP_BYTES } from "../values/limits.ts";
import { LimitError } from "../values/script_error.ts";
import { ListValue, RecordValue, type Value } from "../values/value.ts";
import { RaceWay, type VmBranches, withNote } from "./vm_branches.ts";
import { BranchEnded, type Handler, type RunScope } from "./vm_core.ts";
import { VmInvariants } from "./vm_invariants.ts";

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

/** A fault or report that no statement expected, in an order that did not fail. */
export interface RaceIncident {
  readonly event: MachineEvent;
  /** The run in which it happened. */
  readonly run: VmBranches;
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

export abstract class VmRaces extends VmInvariants {
  /** What happened in orders of races, but not in the first, which this run has gone on with. */
  readonly raceIncidents: RaceIncident[] = [];
  #race: RunningRace | null = null;

  /**
   * Comes to a `race`.
   *
   * @param target Where the code goes on after it.
   * @param entries The first statement of each block.
   * @returns Where to go on in a block, negative when none has a statement, or the value of the whole.
   */
  protected startRace(
    index: number,
    target: number,
    entries: readonly (RaceEntry | null)[],
  ): number | Value {
    const info = this.code.races[index]!;
    const branching = this.nextBranching();
    const goal = this.turn(branching);
    if (goal !== null) {
      const { wanted, whole } = goal.way as RaceWay;
      this.raceOrder = new RaceOrder(wanted);
      return this.#enter(this.raceOrder, whole, target, entries);
    }
    if (!info.whole) {
      const known = this.known.get(branching) ?? this.#raceValue(branching);
      this.known.set(branching, known);
      return known;
    }
    if (!this.known.has(branching)) this.#tryOrders(info, branching);
    this.known.set(branching, null);
    return this.#enter(new RaceOrder([]), true, target, entries);
  }

  /** A block comes to its next statement. @returns Where the block goes on whose turn it is. */
  protected atRacePoint(point: number, pc: number): number {
    this.#race!.current!.next = { point, pc };
    return this.#goOn(this.#race!);
  }

  /** A block is at its end. @returns As `atRacePoint`; negative when it was the last. */
  protected endRaceBlock(): number {
    const race = this.#race!;
    race.current!.next = null;
    return this.#goOn(race);
  }

  protected override handlerTaken(): void {
    // An error that no block takes ends the race for all of them.
    while (this.#race !== null && this.handlers.length < this.#race.handlers) this.#leaveRace();
  }

  protected override fail(error: unknown): void {
    while (this.#race !== null) this.#leaveRace();
    super.fail(error);
  }

  // Running one order.

  #enter(
    order: RaceOrder,
    whole: boolean,
    target: number,
    entries: readonly (RaceEntry | null)[],
  ): number {
    const { cpu } = this.world.stream;
    const race: RunningRace = {
      blocks: entries.map((next) => ({ next, handlers: [], scopes: [], cpu })),
      order,
      whole,
      target,
      handlers: this.handlers.length,
      scopes: this.scopes.length,
      cpu,
      outer: this.#race,
      current: null,
    };
    this.#race = race;
    return this.#goOn(race);
  }

  /** Lets one of the blocks go on that are not at their end. */
  #goOn(race: RunningRace): number {
    const able = race.blocks.filter(({ next }) => next !== null);
    if (able.length === 0) {
      this.#race = race.outer;
      this.world.stream.cpu = race.cpu;
      if (!race.whole) throw new BranchEnded();
      return -race.target;
    }
    this.chargeMemory(RACE_STEP_BYTES);
    const block = able[race.order.choose(able.length)]!;
    const { pc, point } = block.next!;
    race.order.steps.push({
      block: race.blocks.indexOf(block),
      statement: this.code.racePoints[point]!,
    });
    if (block !== race.current) this.#change(race, block);
    return pc;
  }

  #change(race: RunningRace, block: RaceBlock): void {
    const { handlers, scopes } = this;
    const { stream } = this.world;
    if (race.current !== null) {
      race.current.handlers = handlers.splice(race.handlers);
      race.current.scopes = scopes.splice(race.scopes);
      race.current.cpu = stream.cpu;
    }
    handlers.push(...block.handlers);
    scopes.push(...block.scopes);
    stream.cpu = block.cpu;
    block.handlers = [];
    block.scopes = [];
    race.current = block;
  }

  /** Ends what the blocks have open that do not run; the one that does is left as any block is. */
  #leaveRace(): void {
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
      let side: VmBranches;
      try {
        side = this.again({ branching, way: new RaceWay(wanted, whole) }, false, "race");
      } catch (error) {
        if (!isLimit(error)) throw error;
        return { runs, failed, ends, limit: error as Error };
      }
      runs++;
      const order = side.raceOrder!;
      if (side.failure !== null) failed.push({ order, failure: side.failure });
      else if (whole) this.#addIncidents(incidents, side, order);
      else this.#addEnd(ends, side, order);
      wanted = nextOrder(order.choices);
    }
    // The first order is this run's own, which tells what happens in it.
    for (const incident of incidents.values()) {
      incident.runs = runs;
      if (incident.order.wanted.length > 0) this.raceIncidents.push(incident);
    }
    return { runs, failed, ends, limit: null };
  }

  /** Counts what happened to nobody's surprise but the script's: once for each place and kind. */
  #addIncidents(incidents: Map<string, RaceIncident>, side: VmBranches, order: RaceOrder): void {
    const keys = new Set<string>();
    for (const event of side.world.incidents) {
      if (side.expectedIncidents.has(event)) continue;
      const { class: reportClass, reason } = event.fields as Readonly<Record<string, unknown>>;
      const key = [event.name, reportClass, reason, event.site].join(" ");
      if (keys.has(key)) continue;
      keys.add(key);
      const known = incidents.get(key);
      if (known === undefined) incidents.set(key, { event, run: side, order, orders: 1, runs: 0 });
      else known.orders++;
    }
  }

  /** Counts an order with those that came to the same end. */
  #addEnd(ends: RaceEnd[], side: VmBranches, order: RaceOrder): void {
    const branch = this.outcomeOf(side, []);
    const outcome = this.registry.outcomeValue(branch);
    const incidents = incidentWords(branch.events);
    const same = ends.find((end) =>
      end.incidents === incidents && valuesEqual(end.outcome, outcome, this)
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
  return events.filter(({ name }) => name === "dma.report" || name === "iommu.fault")
    .map(({ fields }) => {
      const { class: reportClass, reason } = fields as Readonly<Record<string, unknown>>;
      return reportClass ?? reason;
    })
    .join(" ");
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
