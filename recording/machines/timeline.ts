/**
 * A run at any of its positions, for questions that only the real machine can answer: machines are
 * parked along the run, and the nearest one repeats the run up to the position of the question.
 */
import { type HostWatch, RunWatch } from "@dmalab/lang/run";
import { comparePositions, ordinalOf, type Position, statementAtOrdinal } from "../position.ts";
import { type Ask, type KnownRun, type PausedRun, Replay, type StartReplay } from "./replay.ts";

/** What machines that are parked may take. */
const MAX_CHECKPOINTS = 32;
const CHECKPOINT_BYTES = 64 * 2 ** 20;

/** A long run has checkpoints: a machine parked in each of so many parts, but the first. */
const CHECKPOINTED_STATEMENTS = 20_000;
const CHECKPOINT_COUNT = 25;
/** The length of one stretch of preparing: some milliseconds. */
const PREPARED_STATEMENTS = 8192;

/** Only a cancellation ends a search. */
const NO_LIMITS = { timeMs: Infinity, memoryBytes: Infinity };

/** A run that can be asked at any of its positions: by machines that are parked on the way. */
export class Timeline {
  readonly #checkpoints: Replay[] = [];
  /** The machine at the end of the run that goes on with it, where there is one. */
  live: (() => PausedRun) | null = null;
  /** Polled for the cancellation of a search. */
  watch: RunWatch | null = null;
  /** How many machines went where something was asked. */
  visits = 0;
  /** At how many moments. */
  positions = 0;
  /** The machine on its way to a checkpoint, and the statement that is one. */
  #nextCheckpoint: { readonly replay: Replay; readonly statement: number } | null = null;
  /** Statements at which no machine stops: those in the midst of C. */
  readonly #passed = new Set<number>();
  /** The most that a machine took. */
  #largestBytes = 1;

  constructor(readonly known: KnownRun, readonly start: StartReplay) {}

  /** What cancels searches; null for nothing. */
  set interruptedBy(host: HostWatch | null) {
    this.watch = host === null ? null : new RunWatch(host, NO_LIMITS);
  }

  get checkpoints(): number {
    return this.#checkpoints.length;
  }

  /**
   * Asks the machine at a moment, and then at each that the answer names: every one later than the
   * one before.
   * @throws {Interrupted} When it was cancelled.
   */
  from(target: Position, ask: Ask): void {
    let next: Position | null = target;
    const live = this.#liveAt(target);
    if (live !== null) {
      while (next !== null) next = ask(live);
      return;
    }
    this.visits++;
    while (next !== null) {
      const replay = this.#take(next);
      next = replay.visit(next, this.watch, (paused) => {
        this.positions++;
        return ask(paused);
      });
      this.#park(replay);
    }
  }

  /** Whether the machine at the end of the run is at a moment. */
  standsAt(target: Position): boolean {
    return this.#liveAt(target) !== null;
  }

  #liveAt(target: Position): PausedRun | null {
    const paused = this.live?.() ?? null;
    return paused !== null && comparePositions(paused.position, target) === 0 ? paused : null;
  }

  at<T>(target: Position, ask: (paused: PausedRun) => T): T {
    let answer: { readonly value: T } | null = null;
    this.from(target, (paused) => {
      answer = { value: ask(paused) };
      return null;
    });
    return (answer as { readonly value: T } | null)!.value;
  }

  /**
   * Parks machines at even distances, a stretch at a time: to be called again and again while it is
   * idle. The next looks then have a short way.
   *
   * @param last The last moment that may be asked about.
   * @param near The current position: missing machines before it are made first.
   * @returns Whether there is more to do.
   */
  prepare(last: Position, near: Position): boolean {
    if (ordinalOf(last) < CHECKPOINTED_STATEMENTS) return false;
    this.#nextCheckpoint ??= this.#nextUnderWay(ordinalOf(last), ordinalOf(near));
    if (this.#nextCheckpoint === null) return false;
    const { replay, statement } = this.#nextCheckpoint;
    const reached = statementAtOrdinal(
      this.known,
      ordinalOf(replay.position) + PREPARED_STATEMENTS,
    );
    const next = Math.min(statement, Math.max(replay.position.statement + 1, reached));
    replay.visit(this.#atStatement(next), this.watch, () => null);
    if (replay.position.statement < statement && !replay.isOver) return true;
    this.#nextCheckpoint = null;
    if (replay.isOver || replay.position.statement > statement) this.#passed.add(statement);
    this.#park(replay);
    return true;
  }

  #nextUnderWay(end: number, near: number) {
    const room = Math.floor(CHECKPOINT_BYTES / this.#largestBytes);
    const length = Math.ceil((end + 1) / Math.max(1, Math.min(CHECKPOINT_COUNT, room)));
    const parts = this.#checkpoints.map(({ position }) => Math.floor(ordinalOf(position) / length));
    const nearest = Math.floor(near / length);
    const order = Array.from({ length: Math.floor(end / length) }, (_, index) => index + 1)
      .sort((a, b) => Number(a > nearest) - Number(b > nearest) || b - a);
    for (const part of order) {
      if (parts.includes(part)) continue;
      const statement = statementAtOrdinal(this.known, part * length) + 1;
      if (statement > this.known.statements.count || this.#passed.has(statement)) continue;
      // None starts in this part where one statement makes all its events.
      if (ordinalOf(this.#atStatement(statement)) >= (part + 1) * length) continue;
      // One that no part would miss is nearer than the beginning.
      const from = parts.findLastIndex((each, index) =>
        each < part && (each === 0 || parts.indexOf(each) < index)
      );
      const replay = from < 0
        ? new Replay(this.known, this.start)
        : this.#checkpoints.splice(from, 1)[0]!;
      return { replay, statement };
    }
    return null;
  }

  #atStatement(statement: number): Position {
    return { seq: this.known.statements.seqAt(statement), statement };
  }

  /** The last parked machine that is not behind a moment; a new one when none is before it. */
  #take(target: Position): Replay {
    const index = this.#checkpoints.findLastIndex(({ position, isAtStart }) => {
      const way = comparePositions(position, target);
      return way < 0 || way === 0 && isAtStart;
    });
    return index < 0 ? new Replay(this.known, this.start) : this.#checkpoints.splice(index, 1)[0]!;
  }

  #park(replay: Replay): void {
    if (replay.isOver || replay.isSpoiled) return;
    this.#largestBytes = Math.max(this.#largestBytes, replay.hostBytes);
    const after = this.#checkpoints.findIndex(({ position }) =>
      comparePositions(position, replay.position) > 0
    );
    this.#checkpoints.splice(after < 0 ? this.#checkpoints.length : after, 0, replay);
    while (this.#checkpoints.length > MAX_CHECKPOINTS || this.#tooLarge()) this.#drop();
  }

  #tooLarge(): boolean {
    if (this.#checkpoints.length < 2) return false;
    return this.#checkpoints.reduce((sum, { hostBytes }) => sum + hostBytes, 0) > CHECKPOINT_BYTES;
  }

  /** Drops the machine that is nearest behind another one: it spares the shortest way. */
  #drop(): void {
    const ways = this.#checkpoints.map(({ position }) => ordinalOf(position));
    const spared = (index: number) => ways[index]! - (ways[index - 1] ?? 0);
    const [dropped] = [...ways.keys()].sort((a, b) => spared(a) - spared(b));
    this.#checkpoints.splice(dropped!, 1);
  }
}
