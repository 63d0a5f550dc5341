/**
 * The same run again, for what only the real machine can answer: machines are parked along the run,
 * and the nearest one goes on to the moment that is asked about.
 */
import { type HostWatch, RunWatch } from "../../vm/run_watch.ts";
import type { Vm } from "../../vm/vm.ts";
import { comparePositions, type Position } from "../position.ts";
import {
  type Ask,
  type KnownRun,
  Replay,
  type Rerun,
  type Seen,
  type StartRerun,
} from "./replay.ts";
import { statementAtWay, wayOf } from "./way.ts";
import { neededMachines, nextJob, type WaitingPlan } from "./waiting_plan.ts";

/** What machines that are parked may take: the ones left are spread over the run. */
const MOST_PARKED = 32;
const PARKED_BYTES = 64 * 2 ** 20;

/** Only a cancellation ends a search. */
const NO_LIMITS = { timeMs: Infinity, memoryBytes: Infinity };

/** How much closer machines wait before the current position than along the run, and how many do. */
const CLOSER = 16;
const NEAR_MACHINES = 3;
/** What is gone in one stretch: some milliseconds. */
const STRETCH_WAY = 8192;

/** A machine on its way to a statement. */
interface UnderWay {
  readonly replay: Replay;
  readonly statement: number;
}

/** Machines of one run, parked on the way, and the run done again from them. */
export class Reruns {
  /** By where they are. */
  readonly #parked: Replay[] = [];
  /** The machine that stands at the end of the run and goes on with it, where there is one. */
  live: (() => Seen) | null = null;
  /** Polled for the cancellation of a search. */
  watch: RunWatch | null = null;
  /** How many machines went where something was asked. */
  visits = 0;
  /** At how many moments. */
  moments = 0;
  /** Stretches that were gone to where machines wait. */
  stretches = 0;
  /** Where machines are to wait, as was last said. */
  #plan: WaitingPlan | null = null;
  /** The machine on its way to where none waits. */
  #underWay: UnderWay | null = null;
  /** There is room for so many where they are to wait, as far as is known. */
  #mostMachines = Infinity;
  /** The way to where a machine stops that is to go to a statement: in the midst of C none does. */
  readonly #lands = new Map<number, number>();
  /** The statements to go to, by the ways to where that leads. */
  #statements: ReadonlyMap<number, number> = new Map();

  constructor(readonly known: KnownRun, readonly start: StartRerun) {}

  /** What cancels searches; null for nothing. */
  set interruptedBy(host: HostWatch | null) {
    this.watch = host === null ? null : new RunWatch(host, NO_LIMITS);
  }

  /** A new machine that is not parked here. */
  fresh(): Replay {
    return new Replay(this.known, this.start);
  }

  /** How many machines are parked. */
  get parked(): number {
    return this.#parked.length;
  }

  /**
   * Asks the machine at a moment, and then at each that the answer names: every one later than the
   * one before.
   * @throws {Interrupted} When it was cancelled.
   */
  visit(target: Position, ask: Ask): void {
    if (this.#askLive(target, ask)) return;
    // What is asked may make room: one more is tried.
    this.#mostMachines++;
    this.visits++;
    const replay = this.#take(target);
    replay.visit(target, this.watch, (seen) => {
      this.moments++;
      return ask(seen);
    });
    this.#park(replay);
  }

  /** Whether the machine that stands at the end of the run stands at a moment. */
  standsAt(target: Position): boolean {
    const seen = this.live?.() ?? null;
    return seen !== null && comparePositions(seen.at, target) === 0;
  }

  /** The last moment is asked of the machine that stands there. */
  #askLive(target: Position, ask: Ask): boolean {
    const seen = this.live?.() ?? null;
    if (seen === null || comparePositions(seen.at, target) !== 0) return false;
    for (let next: Position | null = target; next !== null;) next = ask(seen);
    return true;
  }

  /** Asks the machine at a moment. */
  look<T>(target: Position, ask: (seen: Seen) => T): T {
    let answer: { readonly value: T } | null = null;
    this.visit(target, (seen) => {
      answer = { value: ask(seen) };
      return null;
    });
    return (answer as { readonly value: T } | null)!.value;
  }

  /**
   * Parks machines at even distances, as long as there is time: looks then have a short way. Those
   * that looks have taken elsewhere are replaced.
   *
   * @param last The last moment of the run.
   * @param goesOn Asked before each stretch, which takes some milliseconds.
   * @param near The current position: some wait close before it, for looks there and the next step back;
   *   null for none.
   * @returns Whether there is one at every place.
   */
  spread(
    last: Position,
    places: number,
    goesOn: () => boolean,
    near: Position | null = null,
  ): boolean {
    while (goesOn()) {
      this.#plan = this.#planFor(last, places, near);
      this.#underWay ??= this.#nextUnderWay(this.#plan);
      if (this.#underWay === null) return true;
      if (this.#stretch(this.#underWay)) this.#underWay = null;
    }
    return false;
  }

  /** @returns Whether the machine is where it is to wait, and was parked. */
  #stretch({ replay, statement }: UnderWay): boolean {
    const reached = statementAtWay(this.known, wayOf(replay.at) + STRETCH_WAY);
    const next = Math.min(statement, Math.max(replay.at.statement + 1, reached));
    if (next > replay.at.statement) {
      replay.visit(this.#atStatement(next), this.watch, () => null);
      this.stretches++;
    }
    if (replay.at.statement < statement && !replay.isOver) return false;
    this.#lands.set(statement, replay.isOver ? Infinity : wayOf(replay.at));
    // Where there is no room for so many there are to be fewer, or one would drop the other for ever.
    if (!this.#park(replay)) {
      this.#mostMachines = Math.min(this.#mostMachines, this.#parked.length) - 1;
    }
    return true;
  }

  #planFor(last: Position, most: number, near: Position | null): WaitingPlan {
    const nearCount = near === null
      ? 0
      : Math.min(NEAR_MACHINES, Math.ceil(this.#mostMachines / (MOST_PARKED / NEAR_MACHINES)));
    const count = Math.max(0, Math.min(most, this.#mostMachines - nearCount));
    const distance = wayOf(last) / (count + 1);
    const statements = new Map<number, number>();
    for (let place = 1; place <= count; place++) this.#addPlace(statements, place * distance);
    const places = [...statements.keys()];
    const close = distance / CLOSER;
    const way = nearCount === 0 ? null : this.#addPlace(statements, wayOf(near!) - close);
    this.#statements = statements;
    const end = near === null ? 0 : wayOf(near);
    return {
      places,
      slack: distance / 2,
      near: way === null || way >= end ? null : { way, slack: close, end, count: nearCount },
    };
  }

  /** @returns The way to where a machine waits that has gone about so far; null for nowhere. */
  #addPlace(statements: Map<number, number>, about: number): number | null {
    const statement = statementAtWay(this.known, about);
    if (statement < 1) return null;
    const way = this.#lands.get(statement) ?? wayOf(this.#atStatement(statement));
    if (way === Infinity) return null;
    statements.set(way, statement);
    return way;
  }

  #nextUnderWay(plan: WaitingPlan): UnderWay | null {
    const job = nextJob(this.#ways(), plan);
    if (job === null) return null;
    const replay = job.from === null ? this.fresh() : this.#parked.splice(job.from, 1)[0]!;
    return { replay, statement: this.#statements.get(job.to)! };
  }

  #ways(): readonly number[] {
    return this.#parked.map(({ at }) => wayOf(at));
  }

  #atStatement(statement: number): Position {
    return { seq: this.known.statements.seqAt(statement), statement };
  }

  /** The parked machine with the shortest way to a moment; a new one when none is before it. */
  #take(target: Position): Replay {
    const index = this.#before(target);
    if (index < 0) return this.fresh();
    return this.#parked.splice(index, 1)[0]!;
  }

  /** The last machine that is not behind a moment; -1 for none. */
  #before(target: Position): number {
    return this.#parked.findLastIndex(({ at, isAtStart }) => {
      const way = comparePositions(at, target);
      return way < 0 || way === 0 && isAtStart;
    });
  }

  /**
   * Takes a machine that stands at a moment, to go on with: it is one of these no more.
   *
   * @param target Where a statement starts, or the last event of an outermost activity.
   */
  detach(target: Position): { readonly vm: Vm; readonly rerun: Rerun } {
    const replay = this.#take(target);
    replay.visit(target, this.watch, () => null);
    return replay.released();
  }

  /** @returns Whether there was room for all that wait where they are to. */
  #park(replay: Replay): boolean {
    if (replay.isOver) return true;
    const after = this.#parked.findIndex(({ at }) => comparePositions(at, replay.at) > 0);
    this.#parked.splice(after < 0 ? this.#parked.length : after, 0, replay);
    let hasRoom = true;
    while (this.#parked.length > MOST_PARKED || this.#tooLarge()) {
      if (this.#drop()) hasRoom = false;
    }
    return hasRoom;
  }

  #tooLarge(): boolean {
    if (this.#parked.length < 2) return false;
    return this.#parked.reduce((sum, { hostBytes }) => sum + hostBytes, 0) > PARKED_BYTES;
  }

  /**
   * Drops the machine that is nearest behind another one: it spares the shortest way. One that waits
   * where it is to goes last.
   * @returns Whether it was such a one.
   */
  #drop(): boolean {
    const ways = this.#ways();
    const needed = this.#plan === null ? null : neededMachines(ways, this.#plan);
    const mayGo = needed === null || needed.size === ways.length
      ? [...ways.keys()]
      : [...ways.keys()].filter((index) => !needed.has(index));
    const spared = (index: number) => ways[index]! - (index === 0 ? 0 : ways[index - 1]!);
    const dropped = mayGo.reduce((one, other) => spared(other) < spared(one) ? other : one);
    this.#parked.splice(dropped, 1);
    return needed?.has(dropped) ?? false;
  }
}
