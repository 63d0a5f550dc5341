/**
 * The current position in a run, and the steps from that position. All front ends that navigate a
 * run share this code.
 */
import { addAll } from "@dmalab/runtime/basics";
import { atHome, compareRunPositions, pathTo, walk } from "./blocks/walk.ts";
import type { BreakpointHit } from "./breakpoints/breakpoint.ts";
import { BreakpointSet, type LogpointLine } from "./breakpoints/breakpoint_set.ts";
import { type ShownVariable, variablesAt } from "./evaluate.ts";
import { comparePositions, nextPosition, type Position, START } from "./position.ts";
import type { RecordedRun, RunPosition } from "./recorded_run.ts";
import type { Recording } from "./recording.ts";
import { move, type StepCommand, type StepOutcome, type StepTarget } from "./step.ts";

/** The current position in the record of a run; works without a machine. */
export class RunCursor<R extends RecordedRun = RecordedRun> implements RunPosition<R> {
  position: Position = START;
  /**
   * Start and end of the last series of steps by event. It is needed because there are fewer events than
   * positions: otherwise, one event back and one forward would lead to another statement.
   */
  #steps: { readonly start: RunPosition<R>; readonly end: RunPosition<R> } | null = null;

  constructor(public recording: R) {}

  /** A copy of the current position, which later steps do not change. */
  get here(): RunPosition<R> {
    const { position, recording } = this;
    return { position, recording };
  }

  /** @param recording Another run, or one of its blocks; default: the current one. */
  goTo(position: Position, recording: R = this.recording): void {
    this.#steps = null;
    this.stand({ position, recording });
  }

  move(step: StepCommand): StepOutcome {
    const from = this.here;
    const target = this.target(step, from);
    this.stand(target);
    this.stepped(step, from);
    return { position: target.position, reason: target.reason, stop: null, logged: [] };
  }

  protected stand({ position, recording }: RunPosition<R>): void {
    this.position = position;
    this.recording = recording;
  }

  /** The end of a step, ignoring breakpoints. */
  protected target(step: StepCommand, from: RunPosition<R>): StepTarget<R> {
    const target = this.walk(from, step);
    const start = step.unit === "event" ? this.#stepsStart(from) : null;
    const isBack = start !== null && target.reason === "arrived" &&
      target.recording === start.recording && target.position.seq === start.position.seq &&
      start.recording.has(start.position);
    return isBack ? { ...target, position: start.position } : target;
  }

  protected walk({ position, recording }: RunPosition<R>, step: StepCommand): StepTarget<R> {
    return move(recording, position, step);
  }

  protected stepped({ unit }: StepCommand, from: RunPosition<R>): void {
    if (unit === "event") {
      this.#steps = { start: this.#stepsStart(from) ?? from, end: this.here };
    }
  }

  #stepsStart({ position, recording }: RunPosition<R>): RunPosition<R> | null {
    if (this.#steps === null) return null;
    const { end, start } = this.#steps;
    return end.recording === recording && comparePositions(end.position, position) === 0
      ? start
      : null;
  }
}

/** Divides a search into pieces. */
export interface Pieces {
  /** @param work Receives the number of positions that it may search. */
  piece<T>(work: (moments: number) => T): T;
}

const WHOLE: Pieces = { piece: (work) => work(Infinity) };

/**
 * The current position in a run that can be replayed, or in a block of such a run. Steps stop at
 * breakpoints.
 */
export class Cursor extends RunCursor<Recording> {
  /** @param breakpoints The initial set. */
  constructor(recording: Recording, readonly breakpoints: BreakpointSet = new BreakpointSet()) {
    super(recording);
  }

  override goTo(position: Position, recording: Recording = this.recording): void {
    const home = atHome({ recording, position });
    super.goTo(home.position, home.recording);
  }

  /**
   * Makes a step, which ends early at a breakpoint. At the current position no breakpoint stops.
   *
   * @throws {Interrupted} When the search was cancelled; the position is unchanged.
   */
  override move(step: StepCommand): StepOutcome {
    const { position, recording } = this;
    try {
      const logged: LogpointLine[] = [];
      const pieces = this.moveInPieces(step, this.breakpoints, WHOLE);
      for (let piece = pieces.next();; piece = pieces.next()) {
        if (piece.done) return { ...piece.value, logged };
        addAll(logged, piece.value);
      }
    } catch (error) {
      this.stand({ recording, position });
      throw error;
    }
  }

  variables(): readonly ShownVariable[] {
    return variablesAt(this.recording, this.position);
  }

  /** Makes a step in pieces, and yields after each piece the lines that log points printed. */
  protected *moveInPieces(
    step: StepCommand,
    breakpoints: BreakpointSet | null,
    pieces: Pieces,
    from: RunPosition<Recording> = this.here,
  ): Generator<readonly LogpointLine[], Omit<StepOutcome, "logged">> {
    const target = this.target(step, from);
    const stop = yield* this.search(breakpoints, target, pieces);
    if (stop === null) this.stand(target);
    this.stepped(step, from);
    const { position } = this;
    return { position, reason: stop === null ? target.reason : "stop", stop };
  }

  protected override walk(from: RunPosition<Recording>, step: StepCommand): StepTarget<Recording> {
    return walk(from, step);
  }

  /**
   * Moves from the current position to another position, or to the first stop on the way.
   * @returns The stop; null if there was none.
   */
  protected *search(
    breakpoints: BreakpointSet | null,
    limit: RunPosition<Recording>,
    pieces: Pieces,
  ): Generator<readonly LogpointLine[], BreakpointHit | null> {
    if (breakpoints === null || breakpoints.all.length === 0) return null;
    const isAhead = compareRunPositions(this, limit) <= 0;
    for (const { from, recording, to: end } of pathTo(this.here, limit)) {
      for (let begin = from; comparePositions(begin, end) !== 0;) {
        const { hit, logged, to } = pieces.piece((moments) => {
          const to = positionBy(recording, begin, isAhead ? moments : -moments, end);
          return { ...breakpoints.between(recording, begin, to), to };
        });
        this.stand({ recording, position: hit?.position ?? to });
        yield logged;
        if (hit !== null) return hit;
        // A backward search excludes both ends of a piece. Therefore the next piece begins one
        // position later, so that no position is missed.
        begin = isAhead || comparePositions(to, end) === 0
          ? to
          : nextPosition(recording, to) ?? recording.last;
      }
    }
    return null;
  }
}

/**
 * The nearest of: `moments` events further, `moments` statements further, and the limit; backwards if
 * `moments` is negative.
 */
function positionBy(
  recording: Recording,
  { seq, statement }: Position,
  moments: number,
  limit: Position,
): Position {
  const { log, statements } = recording;
  const ends = [limit];
  const [event, started] = [seq + moments, statement + moments];
  if (event > 0 && event <= log.count) ends.push(recording.afterEvent(event));
  if (started > 0 && started <= statements.count) ends.push(recording.atStatement(started));
  ends.sort(comparePositions);
  return moments > 0 ? ends[0]! : ends.at(-1)!;
}
