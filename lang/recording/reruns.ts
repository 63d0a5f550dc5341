/**
 * The same run again, for what only the real machine can answer.
 *
 * A machine is never copied: it would need a line for each of its parts. Since a run is the same
 * each time, it is done again up to the moment asked about, which the machine answers at that very
 * event or statement. After that it goes on to its next statement and is parked there, for the next
 * question about a later moment.
 */
import type { EventLog } from "../../runtime/recording/event_log.ts";
import type { StatementLog } from "../../runtime/recording/statement_log.ts";
import type { BoundName, Code } from "../vm/code.ts";
import { FRAME_NUMBERS } from "../vm/loop.ts";
import { type HostWatch, RunWatch } from "../vm/run_watch.ts";
import type { MarkListener } from "../vm/control.ts";
import type { Vm } from "../vm/vm.ts";
import { comparePositions, type Position, START } from "./position.ts";

/** A run that is done again. */
export interface Rerun {
  /** Goes on. @returns False when it is over: else it was paused, where a statement starts or between activities. */
  resume(): boolean;
}

/**
 * Prepares the run once more, on a new machine.
 * @param onVm Gets the VM when the machine is ready and nothing has run on it.
 */
export type StartRerun = (onVm: (vm: Vm) => void) => Rerun;

/** Asks the machine at a moment. @returns The next moment to ask at, no earlier one; null for none. */
export type Ask = (seen: Seen) => Position | null;

/** The machine at a moment. It may be looked at, and not changed. */
export interface Seen {
  readonly vm: Vm;
  readonly at: Position;
  /** Calls of the script that run, the innermost first. */
  frames(): readonly SeenFrame[];
}

/** A call of the script, with the values of its names. */
export interface SeenFrame {
  /** Its statement in `Code.statements`. */
  readonly statement: number;
  /** Where its values begin on the stack. */
  readonly fp: number;
}

/** A search or a look was given up because somebody asked for it. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** What machines that are parked may take: the ones left are spread over the run. */
const MOST_PARKED = 32;
const PARKED_BYTES = 64 * 2 ** 20;
/** What a machine takes beside what its budget counts. */
const MACHINE_BYTES = 2 ** 19;
/** Instead of the number of a function of the script's. */
const FOREIGN = -1;
/** What its values may count for: what a run was charged for is more than what it still holds. */
const VALUE_BYTES = 2 ** 20;

/** A search is ended by somebody, and by nothing else. */
const NO_LIMITS = { timeMs: Infinity, memoryBytes: Infinity };

/** The events and statements that the run is known to come to. */
export interface KnownRun {
  readonly code: Code;
  readonly log: EventLog;
  readonly statements: StatementLog;
}

/** One machine that does the run again. */
class Replay implements MarkListener, Seen {
  at: Position = START;
  /** It stands where a statement starts, and not behind the activity of an event. */
  isAtStart = false;
  isOver = false;
  readonly #known: KnownRun;
  readonly #start: StartRerun;
  #vm: Vm | null = null;
  #rerun: Rerun | null = null;
  #ask: Ask = () => null;
  #target: Position | null = null;
  #error: unknown = null;
  /** The number of the last event before the last statement started. */
  #startedSeq = 0;
  /** The statement that each call has come to, the outermost first. */
  readonly #frames: {
    statement: number;
    fp: number;
    /** Calls that ran: of the script, of other code in between, and both. */
    calls: number;
    depth: number;
    foreignDepth: number;
    /** Its function; {@linkcode FOREIGN} for what is no script's. */
    code: number;
  }[] = [];

  constructor(known: KnownRun, start: StartRerun) {
    this.#known = known;
    this.#start = start;
  }

  get vm(): Vm {
    return this.#vm!;
  }

  get hostBytes(): number {
    const { heldBytes, valueBytes } = this.vm.world.budget;
    return MACHINE_BYTES + heldBytes + Math.min(valueBytes, VALUE_BYTES);
  }

  /** Goes to a moment that is not before where it is, asks there, and at the moments that it is told. */
  visit(target: Position, watch: RunWatch | null, ask: Ask): void {
    this.#ask = ask;
    this.#error = null;
    this.#aim(target);
    if (this.#rerun === null) this.#rerun = this.#start((vm) => this.#begin(vm, watch));
    else {
      this.vm.watch = watch;
      if (comparePositions(this.at, target) === 0) {
        this.#reach();
        if (this.#target === null) return this.#done();
      }
    }
    do {
      this.isAtStart = false;
      this.isOver = !this.#rerun.resume();
      // An activity may have ended after the event that was waited for.
      this.at = { seq: this.vm.world.stream.seq, statement: this.at.statement };
    } while (this.#target !== null && !this.isOver);
    if (this.#target !== null && this.#isEnd(this.#target)) {
      this.at = this.#target;
      const [outermost] = this.#frames;
      if (outermost !== undefined) keepOutermost(this.vm, outermost.code);
      this.#reach();
    }
    if (this.#target === null) return this.#done();
    if (watch?.host.interrupted() === true) throw new Interrupted("Interrupted");
    throw new Error(`The run did not come to event ${target.seq} when it was done again`);
  }

  /** Nothing more happens there, and no statement starts. */
  #isEnd({ seq, statement }: Position): boolean {
    const { log, statements } = this.#known;
    return seq === log.count && statement > statements.count;
  }

  #done(): void {
    if (this.#error !== null) throw this.#error;
  }

  started(statement: number): boolean {
    const { vm } = this;
    const { depth, following: { calls, foreignDepth }, fp } = vm;
    const frames = this.#frames;
    while (frames.length > 0 && frames.at(-1)!.calls >= calls) frames.pop();
    const isForeign = vm.code.statements[statement]!.foreign !== undefined;
    const code = isForeign ? FOREIGN : functionAt(vm, depth);
    frames.push({ statement, fp, calls, depth, foreignDepth, code });
    const { seq } = vm.world.stream;
    if (!this.#known.statements.isNoted(this.at.statement, this.#startedSeq, seq)) return false;
    this.#startedSeq = seq;
    this.at = { seq, statement: this.at.statement + 1 };
    const target = this.#target;
    if (target !== null && target.statement === this.at.statement && target.seq === seq) {
      this.#reach();
    }
    this.isAtStart = this.#target === null && !isForeign;
    return this.isAtStart;
  }

  /** Lets the machine go. */
  released(): { readonly vm: Vm; readonly rerun: Rerun } {
    const { vm } = this;
    vm.marks = null;
    vm.world.wakeAt(0, () => {});
    return { vm, rerun: this.#rerun! };
  }

  frames(): readonly SeenFrame[] {
    const { vm } = this;
    if (this.isOver) return this.#frames.slice(0, 1);
    return this.#frames.filter(({ code, depth, foreignDepth }) =>
      code === FOREIGN
        ? foreignDepth <= vm.following.foreignDepth
        : depth <= vm.depth && functionAt(vm, depth) === code
    ).reverse();
  }

  #begin(vm: Vm, watch: RunWatch | null): void {
    this.#vm = vm;
    vm.marks = this;
    vm.watch = watch;
    vm.world.readEventsFrom(this.#known.log);
    if (this.#target !== null && comparePositions(this.#target, START) === 0) this.#reach();
    else this.#wake();
  }

  /** An answer's error must not go through the machine: it would look like one of the run's own. */
  #reach(): void {
    try {
      let next = this.#ask(this);
      while (next !== null && comparePositions(next, this.at) === 0) next = this.#ask(this);
      this.#aim(next);
    } catch (error) {
      this.#error = error;
      this.#aim(null);
    }
  }

  #aim(target: Position | null): void {
    this.#target = target;
    if (this.#vm !== null) this.#wake();
  }

  /** Events are waited for where no statement starts. */
  #wake(): void {
    const target = this.#target;
    const { stream } = this.vm.world;
    if (target === null || target.seq <= stream.seq) return this.vm.world.wakeAt(0, () => {});
    const { statements } = this.#known;
    const starts = this.#isEnd(target) ||
      target.statement > 0 && statements.seqAt(target.statement) === target.seq;
    if (starts) return this.vm.world.wakeAt(0, () => {});
    this.vm.world.wakeAt(target.seq, () => {
      this.at = { seq: target.seq, statement: this.at.statement };
      this.#reach();
    });
  }
}

/** How much closer a machine waits before where somebody stands than along the run. */
const CLOSER = 16;

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
  /** Asked now and then whether somebody wants a search to end. */
  watch: RunWatch | null = null;

  constructor(readonly known: KnownRun, readonly start: StartRerun) {}

  /** Has searches end when somebody wants it; null to let them go on. */
  set interruptedBy(host: HostWatch | null) {
    this.watch = host === null ? null : new RunWatch(host, NO_LIMITS);
  }

  /** How many machines are parked. */
  get parked(): number {
    return this.#parked.length;
  }

  /**
   * Asks the machine at a moment, and then at each that the answer names: every one later than the
   * one before.
   * @throws {Interrupted} When somebody ended it.
   */
  visit(target: Position, ask: Ask): void {
    if (this.#askLive(target, ask)) return;
    // What is asked may make room: one more is tried.
    this.#mostPlaces++;
    const replay = this.#take(target);
    replay.visit(target, this.watch, ask);
    this.#park(replay);
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
   * @param goesOn Asked before each stretch, which is as long as the distance between two.
   * @param near Where somebody stands: one waits close before it, for the next step back; null for nobody.
   * @returns Whether there is one at every place.
   */
  spread(
    last: Position,
    places: number,
    goesOn: () => boolean,
    near: Position | null = null,
  ): boolean {
    while (goesOn()) {
      const distance = last.statement / (Math.min(places, this.#mostPlaces) + 1);
      this.#underWay ??= this.#missingNear(near, distance) ?? this.#missing(last, distance);
      if (this.#underWay === null) return true;
      const { replay, statement } = this.#underWay;
      const next = Math.min(statement, replay.at.statement + Math.ceil(distance / 2));
      replay.visit(this.#atStatement(next), this.watch, () => null);
      if (next < statement) continue;
      this.#underWay = null;
      // Where there is no room for so many there are to be fewer, or one would drop the other for ever.
      if (!this.#park(replay)) {
        this.#mostPlaces = Math.min(this.#mostPlaces, this.#parked.length) - 1;
      }
    }
    return false;
  }

  /** The machine on its way to where none waits. */
  #underWay: UnderWay | null = null;
  /** There is room for so many at even distances, as far as is known. */
  #mostPlaces = Infinity;

  /** A machine for close before a place, from the nearest one before; null when one waits there. */
  #missingNear(near: Position | null, distance: number): UnderWay | null {
    const close = distance / CLOSER;
    if (near === null || near.statement <= close + 1) return null;
    const latest = this.#before(this.#atStatement(near.statement - 1));
    if (latest >= 0 && this.#parked[latest]!.at.statement >= near.statement - 2 * close - 1) {
      return null;
    }
    const statement = Math.floor(near.statement - close);
    return { replay: this.#take(this.#atStatement(statement)), statement };
  }

  #atStatement(statement: number): Position {
    return { seq: this.known.statements.seqAt(statement), statement };
  }

  /** A machine for the first place that has none before it for half a distance; null for no such. */
  #missing(last: Position, distance: number): UnderWay | null {
    for (let place = 1; place * distance < last.statement; place++) {
      const statement = Math.floor(place * distance);
      if (statement < 1) continue;
      const before = this.#before(this.#atStatement(statement));
      const from = before < 0 ? 0 : this.#parked[before]!.at.statement;
      if (statement - from < distance / 2) continue;
      return { replay: new Replay(this.known, this.start), statement };
    }
    return null;
  }

  /** The parked machine with the shortest way to a moment; a new one when none is before it. */
  #take(target: Position): Replay {
    const index = this.#before(target);
    if (index < 0) return new Replay(this.known, this.start);
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
   * @param target Where a statement starts, or the last event of an activity that nobody waits for.
   */
  detach(target: Position): { readonly vm: Vm; readonly rerun: Rerun } {
    const replay = this.#take(target);
    replay.visit(target, this.watch, () => null);
    return replay.released();
  }

  /** @returns Whether there was room for all. */
  #park(replay: Replay): boolean {
    if (replay.isOver) return true;
    const after = this.#parked.findIndex(({ at }) => comparePositions(at, replay.at) > 0);
    this.#parked.splice(after < 0 ? this.#parked.length : after, 0, replay);
    let hasRoom = true;
    while (this.#parked.length > MOST_PARKED || this.#tooLarge()) {
      this.#drop();
      hasRoom = false;
    }
    return hasRoom;
  }

  #tooLarge(): boolean {
    if (this.#parked.length < 2) return false;
    return this.#parked.reduce((sum, { hostBytes }) => sum + hostBytes, 0) > PARKED_BYTES;
  }

  /** Drops the machine that is nearest behind another one: it spares the shortest way. */
  #drop(): void {
    let nearest = 0;
    let shortest = Infinity;
    this.#parked.forEach(({ at }, index) => {
      const from = index === 0 ? START : this.#parked[index - 1]!.at;
      const way = at.seq - from.seq;
      if (way < shortest) [nearest, shortest] = [index, way];
    });
    this.#parked.splice(nearest, 1);
  }
}

/** What the outermost code of a run that is over has bound stands on the stack: it is not written over. */
export function keepOutermost(vm: Vm, functionIndex: number): void {
  const { operands, slots } = vm.code.functions[functionIndex]!;
  vm.fp = 0;
  vm.sp = slots + operands;
}

/** The function of a running call, counted from 1. */
function functionAt({ frames }: Vm, depth: number): number {
  return frames[FRAME_NUMBERS * (depth - 1) + 2]!;
}

/** Names with their values in a call of the script, an inner one instead of an outer. */
export function boundValues(
  { vm }: Seen,
  { fp, statement }: SeenFrame,
): readonly (BoundName & { readonly value: Vm["result"] })[] {
  const names = new Map<string, BoundName>();
  for (const each of vm.code.statements[statement]!.variables) names.set(each.name, each);
  return [...names.values()].map((each) => ({
    ...each,
    value: vm.stack[fp + each.slot] ?? null,
  }));
}
