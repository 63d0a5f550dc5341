/**
 * The position in a run that may not be over yet. The run grows as far as a move needs it, so that
 * a run without an end stops at its breakpoints all the same. Moves are done in pieces, and can be
 * paused.
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

/** Statements that a run grows by, and moments that are searched for breakpoints, between two checks for a pause. */
const LEAST_STATEMENTS = 512;
const LEAST_MOMENTS = 16_384;

export interface StoppedReason {
  /** `failed`: at the moment at which the run fails. */
  readonly reason: "arrived" | "stop" | "failed" | "end" | "beginning" | "paused";
  readonly hit: BreakpointHit | null;
}

export interface DebuggeeListener {
  /** A line that the run wrote, once. */
  printed(line: OutputLine): void;
  /** The message of a log point. */
  logged(text: string, runPosition: RunPosition<Recording>): void;
  /** How much of a search is done; 1 at its end. */
  progressed(share: number): void;
}

/** Counts the time that a run has taken, without the time while it is stopped. */
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
  /** The last move has ended by a wish to stop that is still on its way. */
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

  /** That of the run itself. */
  get whole(): Recording {
    return this.run.recording;
  }

  /** There is nothing behind this place, and never will be. */
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

  /** Goes a step, or less when something on the way stops it. */
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
    // At the failure of the run one stops once more than at its end.
    const failed = failurePosition(run.recording);
    if (this.stopsAtFailure && failed !== null && compareRunPositions(from, failed) < 0) {
      this.stand(failed);
      return halt("failed");
    }
    // The last statement may be what one stood at before.
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

  /** Conditions are evaluated forwards, once: backwards their answers are known. */
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

  /** Passes on what log points have to say. */
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
   * Parks machines while the client is idle: a look is short when one is parked near its moment.
   *
   * @returns Whether there is more to do.
   */
  prepare(): boolean {
    const { timeline } = this.recording;
    const { watch } = timeline;
    // No request waits for it.
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

  /** Reports the first lines of the run, each once. */
  #report(lines: number): void {
    for (; this.#printed < lines; this.#printed++) {
      this.listener.printed(this.whole.output[this.#printed]!);
    }
  }
}

function halt(reason: StoppedReason["reason"], hit: BreakpointHit | null = null): StoppedReason {
  return { reason, hit };
}

/** What one piece of work should take. */
const PIECE_MS = 10;
/** After this long the event loop may handle pending input. */
const BREATH_MS = 20;

const MAX_PIECE = 2 ** 18;

/** Pieces of work that grow and shrink with the time that they take. */
class Pace {
  /** Moments, or statements, of the next piece. */
  size: number;
  readonly #least: number;
  #breathedMs: number;

  /** @param least What is done in one go however long it takes. */
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
