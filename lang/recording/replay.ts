/**
 * One machine that does a run again.
 *
 * A machine is never copied: it would need a line for each of its parts. Since a run is the same
 * each time, it is done again up to the moment asked about, which the machine answers at that very
 * event or statement. After that it goes on to its next statement, where it can be left.
 */
import type { EventLog } from "../../runtime/recording/event_log.ts";
import type { StatementLog } from "../../runtime/recording/statement_log.ts";
import type { BoundName, Code } from "../vm/code.ts";
import { FRAME_NUMBERS } from "../vm/loop.ts";
import type { RunWatch } from "../vm/run_watch.ts";
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

/** What a machine takes beside what its budget counts. */
const MACHINE_BYTES = 2 ** 19;
/** Instead of the number of a function of the script's. */
const FOREIGN = -1;
/** What its values may count for: what a run was charged for is more than what it still holds. */
const VALUE_BYTES = 2 ** 20;

/** The events and statements that the run is known to come to. */
export interface KnownRun {
  readonly code: Code;
  readonly log: EventLog;
  readonly statements: StatementLog;
}

/** One machine that does the run again. */
export class Replay implements MarkListener, Seen {
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
