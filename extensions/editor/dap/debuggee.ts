/**
 * A run with a place in it: moves, in pieces that can be paused.
 *
 * The core does one move in one go. Here each is done in pieces, and a run that is not over yet grows
 * as far as the move needs it, so that one without an end stops at its breakpoints all the same.
 */
import {
  atHome,
  comparePositions,
  compareSpots,
  failureSpot,
  Interrupted,
  linesBefore,
  type Moved,
  nextMoment,
  type OpenRun,
  type OutputLine,
  type Place,
  type Position,
  type Recording,
  type ShownVariable,
  type Spot,
  START,
  type Step,
  type StopHit,
  type Stops,
  variablesAt,
  walk,
  wayTo,
} from "@dmalab/recording";
import { processorMs } from "@dmalab/cli";
import { Pace } from "./pace.ts";

/** Statements that a run grows by, and moments that are searched for breakpoints, between two checks for a pause. */
const LEAST_STATEMENTS = 512;
const LEAST_MOMENTS = 16_384;

/** Where a move ended, and why. */
export interface Halt {
  /** `failed`: at the moment at which the run fails. */
  readonly reason: "arrived" | "stop" | "failed" | "end" | "beginning" | "paused";
  /** The breakpoint that stopped it. */
  readonly hit: StopHit | null;
}

/** Receives the output of a run. */
export interface DebuggeeListener {
  /** A line that the run wrote, once. */
  printed(line: OutputLine): void;
  /** The message of a log point. */
  logged(text: string, spot: Spot): void;
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

export class Debuggee implements Place {
  readonly stops: Stops;
  at: Position = START;
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

  constructor(run: OpenRun, clock: RunClock, listener: DebuggeeListener, stops: Stops) {
    this.stops = stops;
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
    return isOver && this.recording === recording && comparePositions(this.at, recording.last) >= 0;
  }

  /** Ends the current move at its next check. */
  pause(): void {
    this.#pauses = true;
  }

  /** Goes to a moment, or as far as the run is. */
  goTo(at: Position, recording: Recording = this.recording): void {
    const end = recording === this.#run.recording ? this.#run.end : recording.last;
    this.#stand(atHome({ recording, at: comparePositions(at, end) > 0 ? end : at }));
  }

  #stand({ at, recording }: Spot): void {
    this.at = at;
    this.recording = recording;
    this.#report(linesBefore(this));
  }

  /** Goes a step in one go, in what is known of the run. */
  move(step: Step): Moved {
    const walked = walk(this, step, this.stops);
    this.goTo(walked.at, walked.recording);
    return { ...walked, at: this.at };
  }

  variables(): readonly ShownVariable[] {
    return variablesAt(this.recording, this.at);
  }

  /** Goes a step, or less when something on the way stops it. */
  async go(step: Step, stops: Stops | null = this.stops): Promise<Halt> {
    this.#pauses = false;
    this.hasHeard = false;
    try {
      return await (step.way === "forward" ? this.#ahead(step, stops) : this.#back(step, stops));
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      this.hasHeard = true;
      return halt("paused");
    }
  }

  async #ahead(step: Step, stops: Stops | null): Promise<Halt> {
    const run = this.#run;
    const from = { at: this.at, recording: this.recording };
    const growing = new Pace(LEAST_STATEMENTS);
    const checking = new Pace(LEAST_MOMENTS);
    for (;;) {
      const walked = walk(from, step, null);
      const isThere = walked.reason === "arrived" || run.isOver;
      const limit = isThere ? walked : { recording: run.recording, at: run.end };
      const halted = stops?.all.length ? await this.#search(stops, limit, checking) : null;
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
  async #search(stops: Stops, limit: Spot, checking: Pace): Promise<Halt | null> {
    const isAhead = compareSpots(this, limit) <= 0;
    const pieceOf = isAhead ? momentAhead : momentBehind;
    for (
      const { from, recording, to: end } of wayTo({ at: this.at, recording: this.recording }, limit)
    ) {
      for (let begin = from; comparePositions(begin, end) !== 0;) {
        const to = pieceOf(recording, begin, checking.size, end);
        const passed = checking.piece(() => stops.between(recording, begin, to));
        for (const { at, text } of passed.logged) this.#listener.logged(text, { at, recording });
        this.#stand({ recording, at: passed.hit?.at ?? to });
        if (passed.hit !== null) return halt("stop", passed.hit);
        // Backwards a stretch has neither of its ends: the next one begins with this one's.
        begin = isAhead || comparePositions(to, end) === 0
          ? to
          : nextMoment(recording.reruns.known, to) ?? recording.last;
        await checking.breathe();
        if (this.#pauses) return halt("paused");
      }
    }
    return null;
  }

  /** At the failure of the run one stops once more than at its end. */
  #arrived(from: Spot, isThere: boolean): Halt {
    if (isThere) return halt("arrived");
    const failed = failureSpot(this.#run.recording);
    const failsHere = this.stopsAtFailure && failed !== null && compareSpots(from, failed) < 0;
    if (!failsHere) {
      // The last statement may be what one stood at before.
      this.#report(this.whole.output.length);
      return halt("end");
    }
    this.#stand(failed);
    return halt("failed");
  }

  async #back(step: Step, stops: Stops | null): Promise<Halt> {
    const failed = failureSpot(this.#run.recording);
    const isBehindFailure = failed !== null && compareSpots(this, failed) > 0;
    if (step.unit === "run" && this.stopsAtFailure && isBehindFailure) {
      this.#stand(failed);
      return halt("failed");
    }
    const checking = new Pace(LEAST_MOMENTS);
    if (stops !== null && !await this.#askConditions(stops, checking)) return halt("paused");
    const walked = walk(this, step, null);
    const halted = stops?.all.length ? await this.#search(stops, walked, checking) : null;
    if (halted !== null) return halted;
    this.#stand(walked);
    return halt(walked.reason === "arrived" ? "arrived" : "beginning");
  }

  /** Conditions are asked forwards, once: backwards their answers are known. @returns Whether it got to the end. */
  async #askConditions(stops: Stops, checking: Pace): Promise<boolean> {
    const progressed = (share: number) => this.#listener.progressed(share);
    for (let share = 0; share < 1;) {
      share = checking.piece((size) => stops.prepare(this.recording, this.at, size, progressed));
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
    const { reruns } = this.recording;
    const { watch } = reruns;
    // No request waits for it.
    reruns.watch = null;
    try {
      const { end, recording } = this.#run;
      return reruns.prepare(recording === this.recording ? end : this.recording.last, this.at);
    } finally {
      reruns.watch = watch;
    }
  }

  /** Reports the first lines of the run, each once. */
  #report(lines: number): void {
    for (; this.#printed < lines; this.#printed++) {
      this.#listener.printed(this.whole.output[this.#printed]!);
    }
  }
}

function halt(reason: Halt["reason"], hit: StopHit | null = null): Halt {
  return { reason, hit };
}

/** The first of: so many events on, so many statements on, a limit. */
function momentAhead(
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
function momentBehind(
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
