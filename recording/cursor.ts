/** The position in a run, and the moves from there, for every front end that follows a run. */
import { addAll } from "@dmalab/runtime/basics";
import { atHome, compareRunPositions, pathTo, walk } from "./blocks/walk.ts";
import type { BreakpointHit } from "./breakpoints/breakpoint.ts";
import { BreakpointSet, type LogpointLine } from "./breakpoints/breakpoint_set.ts";
import { type ShownVariable, variablesAt } from "./evaluate.ts";
import { comparePositions, nextPosition, type Position, START } from "./position.ts";
import type { RecordedRun, RunPosition } from "./recorded_run.ts";
import type { Recording } from "./recording.ts";
import { move, type StepCommand, type StepOutcome, type StepTarget } from "./step.ts";

/** The position in the record of a run: needs no machine. */
export class RunCursor<R extends RecordedRun = RecordedRun> implements RunPosition<R> {
  position: Position = START;
  /**
   * Where the steps by event that led here began. Events are fewer than positions: without it one event back and
   * one forward would lead to another statement.
   */
  #steps: { readonly start: RunPosition<R>; readonly end: RunPosition<R> } | null = null;

  constructor(public recording: R) {}

  /** As it is now: the cursor itself goes on. */
  get here(): RunPosition<R> {
    const { position, recording } = this;
    return { position, recording };
  }

  /** @param recording Another run, or one of its blocks; the default is the one that one is in. */
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

  /** Where a step leads, whatever there is on the way. */
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

/** How much of a search is done in one go. */
export interface Pieces {
  /** @param work Gets how many moments it may go through. */
  piece<T>(work: (moments: number) => T): T;
}

const WHOLE: Pieces = { piece: (work) => work(Infinity) };

/**
 * The position in a run with a machine, or in one of its blocks, with the breakpoints on the way.
 */
export class Cursor extends RunCursor<Recording> {
  /** @param breakpoints Those that are set already. */
  constructor(recording: Recording, readonly breakpoints: BreakpointSet = new BreakpointSet()) {
    super(recording);
  }

  override goTo(position: Position, recording: Recording = this.recording): void {
    const home = atHome({ recording, position });
    super.goTo(home.position, home.recording);
  }

  /**
   * Goes a step, or less when something on the way stops it. The current moment never stops.
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

  /** Goes a step in pieces, and says after each what log points had to say on it. */
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

  /** Goes from here to a position, or to what stops on the way. @returns What did. */
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
        // Backwards a stretch has neither of its ends: the next one begins with this one's.
        begin = isAhead || comparePositions(to, end) === 0
          ? to
          : nextPosition(recording, to) ?? recording.last;
      }
    }
    return null;
  }
}

/** The nearest of: so many events on, so many statements on, a limit; back where their number is negative. */
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
