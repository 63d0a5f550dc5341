/**
 * Gives access to the machine at any position of a run. Machines are parked along the run
 * (checkpoints); the nearest machine before the wanted position replays the run up to that
 * position.
 */
import { type HostWatch, RunWatch } from "@dmalab/lang/run";
import { comparePositions, ordinalOf, type Position, statementAtOrdinal } from "../position.ts";
import { type Ask, type KnownRun, type PausedRun, Replay, type StartReplay } from "./replay.ts";

/** Limits for parked machines: number and memory. */
const MAX_CHECKPOINTS = 32;
const CHECKPOINT_BYTES = 64 * 2 ** 20;

/**
 * A run of at least `CHECKPOINTED_STATEMENTS` statements is divided into at most `CHECKPOINT_COUNT`
 * parts. There is a checkpoint at the start of each part except the first.
 */
const CHECKPOINTED_STATEMENTS = 20_000;
const CHECKPOINT_COUNT = 25;
/** Statements that one call of `prepare` replays: some milliseconds. */
const PREPARED_STATEMENTS = 8192;

/** A search has no limits; only cancellation ends it. */
const NO_LIMITS = { timeMs: Infinity, memoryBytes: Infinity };

/** The machine at any position of a run, replayed from parked machines. */
export class Timeline {
  readonly #checkpoints: Replay[] = [];
  /** The machine at the end of the run, if the run itself can be continued with that machine. */
  live: (() => PausedRun) | null = null;
  /** Polled for cancellation during a search. */
  watch: RunWatch | null = null;
  /** Number of calls of `from` so far that needed a replay. */
  visits = 0;
  /** Number of visited positions so far. */
  positions = 0;
  /** The machine on its way to the next checkpoint, and the checkpoint's statement. */
  #nextCheckpoint: { readonly replay: Replay; readonly statement: number } | null = null;
  /** Statements at which no machine can be parked: those inside C code. */
  readonly #passed = new Set<number>();
  /** The largest memory of a machine so far. */
  #largestBytes = 1;

  constructor(readonly known: KnownRun, readonly start: StartReplay) {}

  /** Source of cancellation for searches; null for none. */
  set interruptedBy(host: HostWatch | null) {
    this.watch = host === null ? null : new RunWatch(host, NO_LIMITS);
  }

  get checkpoints(): number {
    return this.#checkpoints.length;
  }

  /**
   * Visits a position, and then each position that `ask` returns. Each of them must be later than
   * the one before.
   * @throws {Interrupted} When the visit was cancelled.
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

  /** Whether the live machine at the end of the run is at a position. */
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
   * Parks machines at even distances; each call does one piece of this work. It is called
   * repeatedly while the host is idle. Later evaluations then need only short replays.
   *
   * @param last The last position that may be visited.
   * @param near The current position: missing checkpoints before it are made first.
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
      // This part has no start of a statement, because one statement spans all of it.
      if (ordinalOf(this.#atStatement(statement)) >= (part + 1) * length) continue;
      // Continues from a checkpoint rather than from the beginning, if an earlier part can spare
      // its checkpoint. The first part can, because it needs no checkpoint. A part with two
      // checkpoints can spare the second of them.
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

  /**
   * Removes and returns the last parked machine at or before a position. Without such a machine,
   * returns a new machine.
   */
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

  /**
   * Drops the parked machine that has the shortest distance from the machine before it, because
   * that machine saves the shortest replay.
   */
  #drop(): void {
    const ways = this.#checkpoints.map(({ position }) => ordinalOf(position));
    const spared = (index: number) => ways[index]! - (ways[index - 1] ?? 0);
    const [dropped] = [...ways.keys()].sort((a, b) => spared(a) - spared(b));
    this.#checkpoints.splice(dropped!, 1);
  }
}
