/**
 * One machine that replays a run.
 *
 * A machine is never copied: copying would need code for each part of a machine. Because a run is
 * the same each time, it is replayed up to the wanted position, and the machine is evaluated
 * exactly at that event or statement. After that, the machine continues to its next statement,
 * where it can be parked.
 */
import type { EventLog, StatementLog } from "@dmalab/runtime/recording";
import {
  type BoundName,
  type Code,
  FRAME_NUMBERS,
  type PausableRun,
  type RunWatch,
  type StatementListener,
  type Vm,
} from "@dmalab/lang/run";
import type { NativeFrame } from "@dmalab/lang/values";
import { comparePositions, type Position, START } from "../position.ts";

/**
 * Prepares another replay, on a new machine.
 * @param onVm Called with the VM when the machine is ready and nothing has run on it.
 */
export type StartReplay = (onVm: (vm: Vm) => void) => PausableRun;

/**
 * Evaluates the machine at a position.
 * @returns The next position to visit, which must not be before this one; null for no further
 *   position.
 */
export type Ask = (paused: PausedRun) => Position | null;

/**
 * The machine paused at a position. It may be read, but not changed. `pausedAt` returns one without
 * a replay.
 */
export type PausedRun = Pick<Replay, "vm" | "position" | "frames" | "innermost">;

/** A call of the script, with the values of its names. */
export interface PausedFrame {
  /** The call's current statement, as its index in `Code.statements`. */
  readonly statement: number;
  /** Where the values of the call begin on the stack (frame pointer). */
  readonly fp: number;
  /** The visible variables, for a call that is not script code. */
  readonly native: NativeFrame | null;
}

/** A search or an evaluation was cancelled. */
export class Cancelled extends Error {
  override readonly name = "Interrupted";
}

/** A machine's host memory that is not counted by the machine's budget. */
const MACHINE_BYTES = 2 ** 19;
/** Function number of a call that is not script code. */
const NATIVE = -1;
/**
 * The values of a machine count as at most this much memory. The budget also counts values that the
 * run no longer holds, so its number can be far larger than the memory in use.
 */
const VALUE_BYTES = 2 ** 20;

/** The recorded events and statements of the run. */
export interface KnownRun {
  readonly log: EventLog;
  readonly statements: StatementLog;
}

/** The current statement of an active call. */
interface CallNote {
  statement: number;
  fp: number;
  native: NativeFrame | null;
  /**
   * Numbers of active calls: `depth` counts calls of the script, `nativeDepth` counts native code
   * between these calls, and `calls` is the sum.
   */
  calls: number;
  depth: number;
  nativeDepth: number;
  /** The function of the call; {@linkcode NATIVE} for code that is not script code. */
  code: number;
}

/** One machine that replays the run. */
export class Replay implements StatementListener {
  /**
   * True if the machine is paused where a statement starts, rather than after an event's activity.
   */
  isAtStart = false;
  isOver = false;
  /**
   * True if an evaluation emitted an event before it was refused. The machine then no longer matches
   * the run.
   */
  isSpoiled = false;
  readonly #known: KnownRun;
  readonly #start: StartReplay;
  #vm: Vm | null = null;
  #rerun: PausableRun | null = null;
  #ask: Ask = () => null;
  #target: Position | null = null;
  #error: unknown = null;
  #left: Position | null = null;
  #seq = START.seq;
  #statement = START.statement;
  /** The number of the last event before the last statement started. */
  #startedSeq = 0;
  /**
   * Active calls, the outermost first. Entries from `#noteCount` on are unused objects, kept for
   * reuse because one object is needed for each statement.
   */
  readonly #notes: CallNote[] = [];
  #noteCount = 0;
  readonly #woken = () => {
    this.#seq = this.#target!.seq;
    this.#reach();
  };

  constructor(known: KnownRun, start: StartReplay) {
    this.#known = known;
    this.#start = start;
  }

  get vm(): Vm {
    return this.#vm!;
  }

  get position(): Position {
    return { seq: this.#seq, statement: this.#statement };
  }

  get hostBytes(): number {
    const { heldBytes, valueBytes } = this.vm.machine.budget;
    return MACHINE_BYTES + heldBytes + Math.min(valueBytes, VALUE_BYTES);
  }

  /**
   * Runs the machine to a position at or after its current one, and calls `ask` at that position and at
   * the positions that `ask` returns.
   * @returns If this machine was spoiled: the position for which another machine is needed.
   */
  visit(target: Position, watch: RunWatch | null, ask: Ask): Position | null {
    this.#left = null;
    this.#ask = ask;
    this.#error = null;
    this.#aim(target);
    if (this.#rerun === null) this.#rerun = this.#start((vm) => this.#begin(vm, watch));
    else {
      this.vm.watch = watch;
      if (comparePositions(this.position, target) === 0) {
        this.#reach();
        if (this.#target === null) return this.#done();
      }
    }
    do {
      this.isAtStart = false;
      this.isOver = !this.#rerun.resume();
      // An activity may have emitted more events after the target event.
      this.#seq = this.vm.machine.stream.seq;
    } while (this.#target !== null && !this.isOver);
    if (this.#target !== null && this.#isEnd(this.#target)) {
      ({ seq: this.#seq, statement: this.#statement } = this.#target);
      if (this.#noteCount > 0) keepOutermost(this.vm, this.#notes[0]!.code);
      this.#reach();
    }
    if (this.#target === null) return this.#done();
    if (watch?.host.interrupted() === true) throw new Cancelled("Interrupted");
    throw new Error(`The replay ended before event ${target.seq}`);
  }

  /** Whether a position is the end of the run: there are no further events or statements. */
  #isEnd({ seq, statement }: Position): boolean {
    const { log, statements } = this.#known;
    return seq === log.count && statement > statements.count;
  }

  #done(): Position | null {
    if (this.#error !== null) throw this.#error;
    return this.#left;
  }

  started(statement: number): boolean {
    const { vm } = this;
    const isForeign = vm.code.statements[statement]!.native !== undefined;
    this.#note(statement, isForeign);
    const { seq } = vm.machine.stream;
    if (!this.#known.statements.isNoted(this.#statement, this.#startedSeq, seq)) return false;
    this.#startedSeq = this.#seq = seq;
    this.#statement++;
    const target = this.#target;
    if (target !== null && target.statement === this.#statement && target.seq === seq) {
      this.#reach();
    }
    this.isAtStart = this.#target === null && !isForeign;
    return this.isAtStart;
  }

  #note(statement: number, isForeign: boolean): void {
    const { vm } = this;
    const { depth, following: { nativeFrames }, fp } = vm;
    const nativeDepth = nativeFrames.length;
    const native = isForeign ? nativeFrames.at(-1) ?? null : null;
    const calls = depth + nativeDepth;
    const notes = this.#notes;
    let count = this.#noteCount;
    while (count > 0 && notes[count - 1]!.calls >= calls) count--;
    const code = isForeign ? NATIVE : functionAt(vm, depth);
    const note = notes[count];
    if (note === undefined) notes.push({ statement, fp, native, calls, depth, nativeDepth, code });
    else {
      note.statement = statement;
      note.fp = fp;
      note.native = native;
      note.calls = calls;
      note.depth = depth;
      note.nativeDepth = nativeDepth;
      note.code = code;
    }
    this.#noteCount = count + 1;
  }

  /** The active calls of the script, the innermost first. */
  frames(): readonly PausedFrame[] {
    const notes = this.#notes.slice(0, this.#noteCount);
    const running = this.isOver ? notes.slice(0, 1) : notes.filter((note) => this.#runs(note));
    // Copied, as the entries are reused for the next statement.
    return running.map(({ fp, native, statement }) => ({ fp, native, statement })).reverse();
  }

  /** The innermost call; null for none. */
  innermost(): PausedFrame | null {
    if (this.isOver) return this.#noteCount === 0 ? null : this.#notes[0]!;
    for (let index = this.#noteCount - 1; index >= 0; index--) {
      if (this.#runs(this.#notes[index]!)) return this.#notes[index]!;
    }
    return null;
  }

  #runs({ code, depth, nativeDepth }: CallNote): boolean {
    const { vm } = this;
    if (code === NATIVE) return nativeDepth <= vm.following.nativeFrames.length;
    return depth <= vm.depth && functionAt(vm, depth) === code;
  }

  #begin(vm: Vm, watch: RunWatch | null): void {
    this.#vm = vm;
    vm.marks = this;
    vm.watch = watch;
    vm.machine.readEventsFrom(this.#known.log);
    if (this.#target !== null && comparePositions(this.#target, START) === 0) this.#reach();
    else this.#wake();
  }

  /**
   * Calls `ask` and stores its error. The error is not thrown through the machine, because it would
   * look like an error of the run.
   */
  #reach(): void {
    const { stream } = this.vm.machine;
    const { seq } = stream;
    try {
      let next = this.#ask(this);
      while (next !== null && comparePositions(next, this.position) === 0 && stream.seq === seq) {
        next = this.#ask(this);
      }
      this.isSpoiled = stream.seq !== seq;
      if (this.isSpoiled) this.#left = next;
      this.#aim(this.isSpoiled ? null : next);
    } catch (error) {
      this.isSpoiled = stream.seq !== seq;
      this.#error = error;
      this.#aim(null);
    }
  }

  #aim(target: Position | null): void {
    this.#target = target;
    if (this.#vm !== null) this.#wake();
  }

  /** If the target is not the start of a statement, the machine pauses at the target's event. */
  #wake(): void {
    const target = this.#target;
    const { stream } = this.vm.machine;
    if (target === null || target.seq <= stream.seq) return this.vm.machine.wakeAt(0, ignore);
    const { statements } = this.#known;
    const starts = this.#isEnd(target) ||
      target.statement > 0 && statements.seqAt(target.statement) === target.seq;
    if (starts) this.vm.machine.wakeAt(0, ignore);
    else this.vm.machine.wakeAt(target.seq, this.#woken);
  }
}

/**
 * A paused machine at a position, made from a machine that has no further work.
 * @param frame The only call.
 */
export function pausedAt(vm: Vm, position: Position, frame: PausedFrame | null): PausedRun {
  return {
    vm,
    position,
    frames: () => frame === null ? [] : [frame],
    innermost: () => frame,
  };
}

function ignore(): void {}

/**
 * Keeps the variables of a finished run's outermost code on the stack, so that they are not
 * overwritten.
 */
export function keepOutermost(vm: Vm, functionIndex: number): void {
  const { operands, slots } = vm.code.functions[functionIndex]!;
  vm.fp = 0;
  vm.sp = slots + operands;
}

/** The function of the active call at a depth, which is counted from 1. */
function functionAt({ frames }: Vm, depth: number): number {
  return frames[FRAME_NUMBERS * (depth - 1) + 2]!;
}

/** The names that are visible at a statement; an inner name hides an outer one. */
export function boundNames({ statements }: Code, statement: number): readonly BoundName[] {
  const names = new Map<string, BoundName>();
  for (const each of statements[statement]!.variables) names.set(each.name, each);
  return [...names.values()];
}

/** Names with their values in a call of the script. */
export function boundValues(
  { vm }: PausedRun,
  { fp, statement }: PausedFrame,
): readonly (BoundName & { readonly value: Vm["result"] })[] {
  return boundNames(vm.code, statement).map((each) => ({
    ...each,
    value: vm.stack[fp + each.slot] ?? null,
  }));
}
