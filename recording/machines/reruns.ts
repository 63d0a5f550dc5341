/**
 * The same run again, for what only the real machine can answer: machines are parked along the run,
 * and the nearest one goes on to the moment that is asked about.
 */
import { type HostWatch, RunWatch } from "@dmalab/lang/vm";
import { comparePositions, type Position } from "../position.ts";
import { type Ask, type KnownRun, Replay, type Seen, type StartRerun } from "./replay.ts";
import { statementAtWay, wayOf } from "./way.ts";

/** What machines that are parked may take. */
const MOST_PARKED = 32;
const PARKED_BYTES = 64 * 2 ** 20;

/** A long run has checkpoints: a machine parked in each of so many parts, but the first. */
const LONG_WAY = 20_000;
const PARTS = 25;
/** What is gone in one stretch of preparing: some milliseconds. */
const STRETCH_WAY = 8192;

/** Only a cancellation ends a search. */
const NO_LIMITS = { timeMs: Infinity, memoryBytes: Infinity };

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
  /** The machine on its way to a checkpoint, and the statement that is one. */
  #underWay: { readonly replay: Replay; readonly statement: number } | null = null;
  /** Statements at which no machine stops: those in the midst of C. */
  readonly #passed = new Set<number>();
  /** The most that a machine took. */
  #largestBytes = 1;

  constructor(readonly known: KnownRun, readonly start: StartRerun) {}

  /** What cancels searches; null for nothing. */
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
   * @throws {Interrupted} When it was cancelled.
   */
  visit(target: Position, ask: Ask): void {
    if (this.#askLive(target, ask)) return;
    this.visits++;
    for (let next: Position | null = target; next !== null;) {
      const replay = this.#take(next);
      next = replay.visit(next, this.watch, (seen) => {
        this.moments++;
        return ask(seen);
      });
      this.#park(replay);
    }
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
   * Parks machines at even distances, a stretch at a time: to be called again and again while it is
   * idle. The next looks then have a short way.
   *
   * @param last The last moment that may be asked about.
   * @param near The current position: what is missing before it is made first.
   * @returns Whether there is more to do.
   */
  prepare(last: Position, near: Position): boolean {
    if (wayOf(last) < LONG_WAY) return false;
    this.#underWay ??= this.#nextUnderWay(wayOf(last), wayOf(near));
    if (this.#underWay === null) return false;
    const { replay, statement } = this.#underWay;
    const reached = statementAtWay(this.known, wayOf(replay.at) + STRETCH_WAY);
    const next = Math.min(statement, Math.max(replay.at.statement + 1, reached));
    replay.visit(this.#atStatement(next), this.watch, () => null);
    if (replay.at.statement < statement && !replay.isOver) return true;
    this.#underWay = null;
    if (replay.isOver || replay.at.statement > statement) this.#passed.add(statement);
    this.#park(replay);
    return true;
  }

  #nextUnderWay(end: number, near: number) {
    const room = Math.floor(PARKED_BYTES / this.#largestBytes);
    const length = Math.ceil((end + 1) / Math.max(1, Math.min(PARTS, room)));
    const parts = this.#parked.map(({ at }) => Math.floor(wayOf(at) / length));
    const nearest = Math.floor(near / length);
    const order = Array.from({ length: Math.floor(end / length) }, (_, index) => index + 1)
      .sort((a, b) => Number(a > nearest) - Number(b > nearest) || b - a);
    for (const part of order) {
      if (parts.includes(part)) continue;
      const statement = statementAtWay(this.known, part * length) + 1;
      if (statement > this.known.statements.count || this.#passed.has(statement)) continue;
      // None starts in this part where one statement makes all its events.
      if (wayOf(this.#atStatement(statement)) >= (part + 1) * length) continue;
      // One that no part would miss is nearer than the beginning.
      const from = parts.findLastIndex((each, index) =>
        each < part && (each === 0 || parts.indexOf(each) < index)
      );
      const replay = from < 0
        ? new Replay(this.known, this.start)
        : this.#parked.splice(from, 1)[0]!;
      return { replay, statement };
    }
    return null;
  }

  #atStatement(statement: number): Position {
    return { seq: this.known.statements.seqAt(statement), statement };
  }

  /** The last parked machine that is not behind a moment; a new one when none is before it. */
  #take(target: Position): Replay {
    const index = this.#parked.findLastIndex(({ at, isAtStart }) => {
      const way = comparePositions(at, target);
      return way < 0 || way === 0 && isAtStart;
    });
    return index < 0 ? new Replay(this.known, this.start) : this.#parked.splice(index, 1)[0]!;
  }

  #park(replay: Replay): void {
    if (replay.isOver || replay.isSpoiled) return;
    this.#largestBytes = Math.max(this.#largestBytes, replay.hostBytes);
    const after = this.#parked.findIndex(({ at }) => comparePositions(at, replay.at) > 0);
    this.#parked.splice(after < 0 ? this.#parked.length : after, 0, replay);
    while (this.#parked.length > MOST_PARKED || this.#tooLarge()) this.#drop();
  }

  #tooLarge(): boolean {
    if (this.#parked.length < 2) return false;
    return this.#parked.reduce((sum, { hostBytes }) => sum + hostBytes, 0) > PARKED_BYTES;
  }

  /** Drops the machine that is nearest behind another one: it spares the shortest way. */
  #drop(): void {
    const ways = this.#parked.map(({ at }) => wayOf(at));
    const spared = (index: number) => ways[index]! - (ways[index - 1] ?? 0);
    const [dropped] = [...ways.keys()].sort((a, b) => spared(a) - spared(b));
    this.#parked.splice(dropped!, 1);
  }
}
