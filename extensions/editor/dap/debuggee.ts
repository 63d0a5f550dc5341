/**
 * A run with a place in it: moves, in pieces that can be paused.
 *
 * The core does one move in one go. Here each is done in pieces, and a run that is not over yet grows
 * as far as the move needs it, so that one without an end stops at its breakpoints all the same.
 */
import {
  atHome,
  type BreakpointHit,
  type BreakpointSet,
  Cancelled,
  comparePositions,
  compareRunPositions,
  type Cursor,
  failurePosition,
  linesBefore,
  nextPosition,
  type OpenRun,
  type OutputLine,
  pathTo,
  type Position,
  type Recording,
  type RecordingPosition,
  type ShownVariable,
  START,
  type StepCommand,
  type StepOutcome,
  variablesAt,
  walk,
} from "@dmalab/recording";
import { processorMs } from "@dmalab/cli";

/** Statements that a run grows by, and moments that are searched for breakpoints, between two checks for a pause. */
const LEAST_STATEMENTS = 512;
const LEAST_MOMENTS = 16_384;

/** Where a move ended, and why. */
export interface StoppedReason {
  /** `failed`: at the moment at which the run fails. */
  readonly reason: "arrived" | "stop" | "failed" | "end" | "beginning" | "paused";
  /** The breakpoint that stopped it. */
  readonly hit: BreakpointHit | null;
}

/** Receives the output of a run. */
export interface DebuggeeListener {
  /** A line that the run wrote, once. */
  printed(line: OutputLine): void;
  /** The message of a log point. */
  logged(text: string, runPosition: RecordingPosition): void;
  /** How much of a search is done; 1 at its end. */
  progressed(share: number): void;
}

/** Counts the time that a run has taken, apart from what passes while it stands. */
export class RunClock {
  readonly #clock = new Stopwatch(() => performance.now());
  readonly #processor = new Stopwatch(processorMs);

  nowMs(): number {
    return this.#clock.ms;
  }

  processorMs(): number {
    return this.#processor.ms;
  }

  /** Does something that counts. */
  count<T>(work: () => T): T {
    this.#clock.start();
    this.#processor.start();
    try {
      return work();
    } finally {
      this.#clock.stop();
      this.#processor.stop();
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

export class Debuggee implements Cursor {
  readonly breakpoints: BreakpointSet;
  position: Position = START;
  /** That of the run, or of the block that one is in. */
  recording: Recording;
  /** Whether the moment at which the run fails stops it. */
  stopsAtFailure = false;
  readonly #run: OpenRun;
  readonly #clock: RunClock;
  readonly #listener: DebuggeeListener;
  /** The last move has ended by a wish to stop that is still on its way. */
  hasHeard = false;
  #pauses = false;
  /** Lines that were reported. */
  #printed = 0;

  constructor(
    run: OpenRun,
    clock: RunClock,
    listener: DebuggeeListener,
    breakpoints: BreakpointSet,
  ) {
    this.breakpoints = breakpoints;
    this.#run = run;
    this.recording = run.recording;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** That of the run itself. */
  get whole(): Recording {
    return this.#run.recording;
  }

  /** There is nothing behind this place, and never will be. */
  get isAtEnd(): boolean {
    const { isOver, recording } = this.#run;
    return isOver && this.recording === recording &&
      comparePositions(this.position, recording.last) >= 0;
  }

  /** Ends the current move at its next check. */
  pause(): void {
    this.#pauses = true;
  }

  /** Goes to a moment, or as far as the run is. */
  goTo(position: Position, recording: Recording = this.recording): void {
    const end = recording === this.#run.recording ? this.#run.end : recording.last;
    this.#stand(
      atHome({ recording, position: comparePositions(position, end) > 0 ? end : position }),
    );
  }

  #stand({ position, recording }: RecordingPosition): void {
    this.position = position;
    this.recording = recording;
    this.#report(linesBefore(this));
  }

  /** Goes a step in one go, in what is known of the run. */
  move(step: StepCommand): StepOutcome {
    const walked = walk(this, step, this.breakpoints);
    this.goTo(walked.position, walked.recording);
    return { ...walked, position: this.position };
  }

  variables(): readonly ShownVariable[] {
    return variablesAt(this.recording, this.position);
  }

  /** Goes a step, or less when something on the way stops it. */
  async go(
    step: StepCommand,
    breakpoints: BreakpointSet | null = this.breakpoints,
  ): Promise<StoppedReason> {
    this.#pauses = false;
    this.hasHeard = false;
    try {
      return await (step.direction === "forward"
        ? this.#ahead(step, breakpoints)
        : this.#back(step, breakpoints));
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      this.hasHeard = true;
      return halt("paused");
    }
  }

  async #ahead(step: StepCommand, breakpoints: BreakpointSet | null): Promise<StoppedReason> {
    const run = this.#run;
    const from = { position: this.position, recording: this.recording };
    const growing = new Pace(LEAST_STATEMENTS);
    const checking = new Pace(LEAST_MOMENTS);
    for (;;) {
      const walked = walk(from, step, null);
      const isThere = walked.reason === "arrived" || run.isOver;
      const limit = isThere ? walked : { recording: run.recording, position: run.end };
      const halted = breakpoints?.all.length
        ? await this.#search(breakpoints, limit, checking)
        : null;
      if (halted !== null) return halted;
      this.#stand(limit);
      await checking.breathe();
      if (this.#pauses) return halt("paused");
      if (isThere) return this.#arrived(from, walked.reason === "arrived");
      growing.piece((size) => this.#clock.count(() => run.grow(size)));
      await growing.breathe();
      if (this.#pauses) return halt("paused");
    }
  }

  /** Goes to a spot in pieces. @returns Why not as far as that; null when it is there. */
  async #search(
    breakpoints: BreakpointSet,
    limit: RecordingPosition,
    checking: Pace,
  ): Promise<StoppedReason | null> {
    const isAhead = compareRunPositions(this, limit) <= 0;
    const pieceOf = isAhead ? positionAfter : positionBefore;
    for (
      const { from, recording, to: end } of pathTo({
        position: this.position,
        recording: this.recording,
      }, limit)
    ) {
      for (let begin = from; comparePositions(begin, end) !== 0;) {
        const to = pieceOf(recording, begin, checking.size, end);
        const passed = checking.piece(() => breakpoints.between(recording, begin, to));
        for (const { position, text } of passed.logged) {
          this.#listener.logged(text, { position, recording });
        }
        this.#stand({ recording, position: passed.hit?.position ?? to });
        if (passed.hit !== null) return halt("stop", passed.hit);
        // Backwards a stretch has neither of its ends: the next one begins with this one's.
        begin = isAhead || comparePositions(to, end) === 0
          ? to
          : nextPosition(recording.replays.known, to) ?? recording.last;
        await checking.breathe();
        if (this.#pauses) return halt("paused");
      }
    }
    return null;
  }

  /** At the failure of the run one stops once more than at its end. */
  #arrived(from: RecordingPosition, isThere: boolean): StoppedReason {
    if (isThere) return halt("arrived");
    const failed = failurePosition(this.#run.recording);
    const failsHere = this.stopsAtFailure && failed !== null &&
      compareRunPositions(from, failed) < 0;
    if (!failsHere) {
      // The last statement may be what one stood at before.
      this.#report(this.whole.output.length);
      return halt("end");
    }
    this.#stand(failed);
    return halt("failed");
  }

  async #back(step: StepCommand, breakpoints: BreakpointSet | null): Promise<StoppedReason> {
    const failed = failurePosition(this.#run.recording);
    const isBehindFailure = failed !== null && compareRunPositions(this, failed) > 0;
    if (step.unit === "run" && this.stopsAtFailure && isBehindFailure) {
      this.#stand(failed);
      return halt("failed");
    }
    const checking = new Pace(LEAST_MOMENTS);
    if (breakpoints !== null && !await this.#askConditions(breakpoints, checking)) {
      return halt("paused");
    }
    const walked = walk(this, step, null);
    const halted = breakpoints?.all.length
      ? await this.#search(breakpoints, walked, checking)
      : null;
    if (halted !== null) return halted;
    this.#stand(walked);
    return halt(walked.reason === "arrived" ? "arrived" : "beginning");
  }

  /** Conditions are asked forwards, once: backwards their answers are known. @returns Whether it got to the end. */
  async #askConditions(breakpoints: BreakpointSet, checking: Pace): Promise<boolean> {
    const progressed = (share: number) => this.#listener.progressed(share);
    for (let share = 0; share < 1;) {
      share = checking.piece((size) =>
        breakpoints.prepare(this.recording, this.position, size, progressed)
      );
      progressed(share);
      await checking.breathe();
      if (this.#pauses) return false;
    }
    return true;
  }

  /**
   * Parks machines while the client is idle: a look is short when one is parked near its moment.
   *
   * @returns Whether there is more to do.
   */
  prepare(): boolean {
    const { replays } = this.recording;
    const { watch } = replays;
    // No request waits for it.
    replays.watch = null;
    try {
      const { end, recording } = this.#run;
      return replays.prepare(
        recording === this.recording ? end : this.recording.last,
        this.position,
      );
    } finally {
      replays.watch = watch;
    }
  }

  /** Reports the first lines of the run, each once. */
  #report(lines: number): void {
    for (; this.#printed < lines; this.#printed++) {
      this.#listener.printed(this.whole.output[this.#printed]!);
    }
  }
}

function halt(reason: StoppedReason["reason"], hit: BreakpointHit | null = null): StoppedReason {
  return { reason, hit };
}

/** The first of: so many events on, so many statements on, a limit. */
function positionAfter(
  recording: Recording,
  { seq, statement }: Position,
  moments: number,
  limit: Position,
): Position {
  const { log, statements } = recording;
  const ends = [limit];
  if (seq + moments <= log.count) ends.push(recording.afterEvent(seq + moments));
  if (statement + moments <= statements.count) {
    ends.push(recording.atStatement(statement + moments));
  }
  return ends.sort(comparePositions)[0]!;
}

/** The last of: so many events back, so many statements back, a limit. */
function positionBefore(
  recording: Recording,
  { seq, statement }: Position,
  moments: number,
  limit: Position,
): Position {
  const ends = [limit];
  if (seq > moments) ends.push(recording.afterEvent(seq - moments));
  if (statement > moments) ends.push(recording.atStatement(statement - moments));
  return ends.sort(comparePositions).at(-1)!;
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

  /** Does a piece. */
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
