/**
 * A position in a run. The run may still grow: it is continued only as far as a move needs, so that
 * even an endless run stops at its breakpoints. Moves are done in pieces, and can be paused between
 * two pieces.
 */
import {
  type BreakpointHit,
  type BreakpointSet,
  Cancelled,
  comparePositions,
  compareRunPositions,
  Cursor,
  failurePosition,
  linesBefore,
  type LogpointLine,
  type OpenRun,
  type OutputLine,
  type Pieces,
  type Recording,
  type RunPosition,
  type StepCommand,
} from "@dmalab/recording";
import { processorMs } from "@dmalab/cli";

/**
 * Least number of statements by which a run grows between two checks for a pause; `LEAST_MOMENTS`: least number of
 * positions that are searched for breakpoints.
 */
const LEAST_STATEMENTS = 512;
const LEAST_MOMENTS = 16_384;

export interface StoppedReason {
  /** Why the run stopped; `failed`: at the position at which the run fails. */
  readonly reason: "arrived" | "stop" | "failed" | "end" | "beginning" | "paused";
  readonly hit: BreakpointHit | null;
}

export interface DebuggeeListener {
  /** Called once for each line that the run printed. */
  printed(line: OutputLine): void;
  /** Called with the message of a log point. */
  logged(text: string, runPosition: RunPosition<Recording>): void;
  /** Called with the finished share of a search; 1 at the search's end. */
  progressed(share: number): void;
}

/** Measures the time that a run takes, excluding the time while it is stopped. */
export class RunClock {
  readonly elapsed = new Stopwatch(() => performance.now());
  readonly processor = new Stopwatch(processorMs);

  count<T>(work: () => T): T {
    this.elapsed.start();
    this.processor.start();
    try {
      return work();
    } finally {
      this.elapsed.stop();
      this.processor.stop();
    }
  }
}

class Stopwatch {
  #beforeMs = 0;
  #startedMs: number | null = null;

  constructor(readonly now: () => number) {}

  get ms(): number {
    return this.#beforeMs + (this.#startedMs === null ? 0 : this.now() - this.#startedMs);
  }

  start(): void {
    this.#startedMs = this.now();
  }

  stop(): void {
    this.#beforeMs = this.ms;
    this.#startedMs = null;
  }
}

export class Debuggee extends Cursor {
  stopsAtFailure = false;
  /**
   * Whether the last move was stopped because a request to pause or to end the run had arrived.
   * That request has not been answered yet.
   */
  hasHeard = false;
  #pauses = false;
  #printed = 0;

  constructor(
    private readonly run: OpenRun,
    private readonly clock: RunClock,
    private readonly listener: DebuggeeListener,
    breakpoints: BreakpointSet,
  ) {
    super(run.recording, breakpoints);
  }

  /** The recording of the run itself. */
  get whole(): Recording {
    return this.run.recording;
  }

  /** Whether there are no further positions after this one, and the run is over. */
  get isAtEnd(): boolean {
    const { isOver, recording } = this.run;
    return isOver && this.recording === recording &&
      comparePositions(this.position, recording.last) >= 0;
  }

  /** Ends the current move at its next check. */
  pause(): void {
    this.#pauses = true;
  }

  protected override stand({ position, recording }: RunPosition<Recording>): void {
    const end = recording === this.whole ? this.run.end : recording.last;
    super.stand({ recording, position: comparePositions(position, end) > 0 ? end : position });
    this.#report(linesBefore(this));
  }

  /** Moves by a step. The move is shorter if a breakpoint or a pause stops it on the way. */
  async go(
    step: StepCommand,
    breakpoints: BreakpointSet | null = this.breakpoints,
  ): Promise<StoppedReason> {
    this.#pauses = false;
    this.hasHeard = false;
    const checking = new Pace(LEAST_MOMENTS);
    try {
      const pieces = step.direction === "forward"
        ? this.#ahead(step, breakpoints, checking)
        : this.#back(step, breakpoints, checking);
      for (;;) {
        const piece = pieces.next();
        if (piece.done) return piece.value;
        await checking.breathe();
        if (this.#pauses) return halt("paused");
      }
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      this.hasHeard = true;
      return halt("paused");
    }
  }

  *#ahead(
    step: StepCommand,
    breakpoints: BreakpointSet | null,
    checking: Pieces,
  ): Generator<void, StoppedReason> {
    const run = this.run;
    const from = this.here;
    const growing = new Pace(LEAST_STATEMENTS);
    while (!run.isOver && this.target(step, from).reason !== "arrived") {
      const limit = { recording: run.recording, position: run.end };
      const hit = yield* this.#reporting(this.search(breakpoints, limit, checking));
      if (hit !== null) return halt("stop", hit);
      this.stand(limit);
      yield;
      growing.piece((size) => this.clock.count(() => run.grow(size)));
      yield;
    }
    const { reason, stop } = yield* this.#reporting(
      this.moveInPieces(step, breakpoints, checking, from),
    );
    if (reason !== "end") return halt(reason, stop);
    // A failed run stops once more at its failure, before its end.
    const failed = failurePosition(run.recording);
    if (this.stopsAtFailure && failed !== null && compareRunPositions(from, failed) < 0) {
      this.stand(failed);
      return halt("failed");
    }
    // The output is reported even without a move: the position may already have been the last
    // statement.
    this.#report(this.whole.output.length);
    return halt("end");
  }

  *#back(
    step: StepCommand,
    breakpoints: BreakpointSet | null,
    checking: Pieces,
  ): Generator<void, StoppedReason> {
    const failed = failurePosition(this.run.recording);
    const isBehindFailure = failed !== null && compareRunPositions(this, failed) > 0;
    if (step.unit === "run" && this.stopsAtFailure && isBehindFailure) {
      this.stand(failed);
      return halt("failed");
    }
    if (breakpoints !== null) yield* this.#askConditions(breakpoints, checking);
    const pieces = this.moveInPieces(step, breakpoints, checking);
    const { reason, stop } = yield* this.#reporting(pieces);
    return halt(reason, stop);
  }

  /** Evaluates conditions forwards, once; a backward move uses these results. */
  *#askConditions(breakpoints: BreakpointSet, checking: Pieces): Generator<void> {
    const progressed = (share: number) => this.listener.progressed(share);
    for (let share = 0; share < 1;) {
      share = checking.piece((size) =>
        breakpoints.prepare(this.recording, this.position, size, progressed)
      );
      progressed(share);
      yield;
    }
  }

  /** Passes on the messages of log points. */
  *#reporting<T>(pieces: Generator<readonly LogpointLine[], T>): Generator<void, T> {
    for (let piece = pieces.next();; piece = pieces.next()) {
      if (piece.done) return piece.value;
      for (const { position, text } of piece.value) {
        this.listener.logged(text, { position, recording: this.recording });
      }
      yield;
    }
  }

  /**
   * Parks machines while the client is idle. An evaluation is fast if a machine is parked near the
   * position of the evaluation.
   *
   * @returns Whether more machines are to be parked.
   */
  prepare(): boolean {
    const { timeline } = this.recording;
    const { watch } = timeline;
    // No request waits for this work, so it is not checked for cancellation.
    timeline.watch = null;
    try {
      const { end, recording } = this.run;
      return timeline.prepare(
        recording === this.recording ? end : this.recording.last,
        this.position,
      );
    } finally {
      timeline.watch = watch;
    }
  }

  /** Reports the first `lines` lines that the run printed, each once. */
  #report(lines: number): void {
    for (; this.#printed < lines; this.#printed++) {
      this.listener.printed(this.whole.output[this.#printed]!);
    }
  }
}

function halt(reason: StoppedReason["reason"], hit: BreakpointHit | null = null): StoppedReason {
  return { reason, hit };
}

/** Intended duration of one piece of work. */
const PIECE_MS = 10;
/** Time after which the event loop may handle pending input. */
const BREATH_MS = 20;

const MAX_PIECE = 2 ** 18;

/** Adjusts the size of pieces of work to the time that they take. */
class Pace {
  /** Size of the next piece: a number of positions or statements. */
  size: number;
  readonly #least: number;
  #breathedMs: number;

  /** @param least The smallest size of a piece, however long it takes. */
  constructor(least: number) {
    this.size = this.#least = least;
    this.#breathedMs = performance.now();
  }

  piece<T>(work: (size: number) => T): T {
    const startMs = performance.now();
    const done = work(this.size);
    const tookMs = performance.now() - startMs;
    if (tookMs < PIECE_MS / 2) this.size = Math.min(MAX_PIECE, 2 * this.size);
    else if (tookMs > 2 * PIECE_MS) this.size = Math.max(this.#least, this.size >>> 1);
    return done;
  }

  /** Lets the event loop handle pending input, if BREATH_MS have passed. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#breathedMs < BREATH_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#breathedMs = performance.now();
  }
}
