/**
 * When an expression changed, all along a run: found by one silent run while it is idle.
 *
 * Only the last change of each stretch of moments is kept, as numbers: what the expression was and
 * became is asked of the machine at the one change that is wanted.
 */
import type { FileScope } from "../check/names/file_scope.ts";
import { type Looker, LookError, type Question } from "./look.ts";
import { type Position, START } from "./position.ts";
import type { Reruns } from "./machines/reruns.ts";
import type { KnownRun, Replay, Seen } from "./machines/replay.ts";
import { nextMoment, positionAt, wayOf } from "./machines/way.ts";

/** Moments of which the last change is kept, and moments that are gone through in one go. */
const CHUNK_MOMENTS = 64;
const STRETCH_MOMENTS = 4096;
/** Expressions whose changes are kept: the ones queried last. */
const MOST_HISTORIES = 8;
/** Steps that an expression may take at each moment; there are many. */
const MOST_STEPS = 1000;
const NONE = -1;

/** A change, and where the expression last had a value before; null for nowhere. */
export interface KnownChange {
  readonly at: Position;
  readonly before: Position | null;
}

/** When one expression changed. */
export class History {
  readonly #reruns: Reruns;
  readonly #question: Question;
  /** Of each chunk of moments: the ways to its last change, and to where it had a value before. */
  readonly #changes: number[] = [];
  readonly #befores: number[] = [];
  /** The way to the last moment at which it was asked. */
  #known = NONE;
  /** The last value, and the way to there. */
  #said: string | null = null;
  #saidWay = NONE;
  #replay: Replay | null = null;
  #isHopeless = false;

  constructor(reruns: Reruns, question: Question) {
    this.#reruns = reruns;
    this.#question = question;
  }

  /** Nothing is left to find out. */
  get isWhole(): boolean {
    return this.#isHopeless || this.#known !== NONE && this.#next() === null;
  }

  /** Whether it is known up to a moment. */
  covers(at: Position): boolean {
    return !this.#isHopeless && wayOf(at) <= this.#known;
  }

  /**
   * The last change up to a moment that it covers; null when there is none.
   * @returns Undefined where only a later change of the same chunk is kept.
   */
  lastChange(upTo: Position): KnownChange | null | undefined {
    const way = wayOf(upTo);
    const chunk = chunkOf(way);
    if (this.#changes[chunk]! > way) return undefined;
    const found = this.#changes.findLastIndex((each, index) => each !== NONE && index <= chunk);
    if (found < 0) return null;
    const { known } = this.#reruns;
    const before = this.#befores[found]!;
    return {
      at: positionAt(known, this.#changes[found]!),
      before: before === NONE ? null : positionAt(known, before),
    };
  }

  /** The last moment before the chunk of another one. */
  beforeChunk(at: Position): Position {
    const way = chunkOf(wayOf(at)) * CHUNK_MOMENTS - 1;
    return positionAt(this.#reruns.known, Math.max(0, way));
  }

  /** Goes on by a stretch in a run that is over. */
  grow(): void {
    const reruns = this.#reruns;
    const replay = this.#replay ?? reruns.fresh();
    this.#replay = null;
    const from = this.#next();
    if (from === null) return;
    const end = this.#known + STRETCH_MOMENTS;
    replay.visit(from, reruns.watch, (seen) => this.#ask(seen, end));
    if (this.isWhole || replay.isOver) return;
    this.#replay = replay;
    const passed = this.#next();
    // It was not paused where the stretch ended: what it passed is asked of another machine.
    if (passed === null || wayOf(passed) > wayOf(replay.at)) return;
    if (replay.isAtStart && wayOf(passed) === wayOf(replay.at)) return;
    const last = wayOf(replay.at);
    reruns.visit(passed, (seen) => {
      this.#note(seen);
      return this.#known < last && !this.#isHopeless ? this.#next() : null;
    });
  }

  #next(): Position | null {
    if (this.#known === NONE) return START;
    const { known } = this.#reruns;
    return nextMoment(known, positionAt(known, this.#known));
  }

  #ask(seen: Seen, end: number): Position | null {
    this.#note(seen);
    if (this.#isHopeless) return null;
    const { known } = this.#reruns;
    const { at } = seen;
    return this.#known >= end && isScriptStart(known, at) ? null : nextMoment(known, at);
  }

  #note(seen: Seen): void {
    const way = this.#known = wayOf(seen.at);
    const chunk = chunkOf(way);
    while (this.#changes.length <= chunk) {
      this.#changes.push(NONE);
      this.#befores.push(NONE);
    }
    const said = this.#tell(seen);
    if (said === null) return;
    if (said !== this.#said && way > 0) {
      this.#changes[chunk] = way;
      this.#befores[chunk] = this.#saidWay;
    }
    this.#said = said;
    this.#saidWay = way;
  }

  #tell(seen: Seen): string | null {
    try {
      return this.#question.said(seen, MOST_STEPS);
    } catch (error) {
      if (!(error instanceof LookError)) throw error;
      this.#isHopeless ||= error.tookTooLong;
      return null;
    }
  }
}

/** The histories of queried expressions. */
export class Histories {
  readonly #reruns: Reruns;
  readonly #looker: Looker;
  readonly #all = new Map<string, History>();
  #scope: FileScope | null = null;

  constructor(reruns: Reruns, looker: Looker) {
    this.#reruns = reruns;
    this.#looker = looker;
  }

  /** The history of an expression, which grows from now on. @throws {LookError} When it is none. */
  of(text: string): History {
    const looker = this.#looker;
    if (looker.scope !== this.#scope) this.#all.clear();
    this.#scope = looker.scope;
    const history = this.#all.get(text) ?? new History(this.#reruns, looker.question(text));
    this.#all.delete(text);
    this.#all.set(text, history);
    for (const key of this.#all.keys()) if (this.#all.size > MOST_HISTORIES) this.#all.delete(key);
    return history;
  }

  /** Extends the history that was queried last by a stretch. @returns Whether there is more to do. */
  grow(): boolean {
    // What may still go on has no end to know everything up to.
    if (this.#reruns.live === null) return false;
    const open = [...this.#all.values()].findLast(({ isWhole }) => !isWhole);
    open?.grow();
    return open !== undefined;
  }
}

/** Whether a statement of the script starts: a machine can be paused there, unless a builtin called it. */
function isScriptStart({ code, statements }: KnownRun, { seq, statement }: Position): boolean {
  if (statement < 1 || statement > statements.count) return false;
  if (statements.seqAt(statement) !== seq) return false;
  return code.statements[statements.numberAt(statement)]!.foreign === undefined;
}

function chunkOf(way: number): number {
  return Math.floor(way / CHUNK_MOMENTS);
}
