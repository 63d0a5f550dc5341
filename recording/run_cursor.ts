/** Where one stands in what is kept of a run: needs no machine, so that a page can have it too. */
import { comparePositions, type Position, START } from "./position.ts";
import type { RecordedRun, RunPosition } from "./recorded_run.ts";
import { move, type StepCommand, type StepOutcome, type StepTarget } from "./step.ts";

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

  /** Goes a step. */
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

  /** A step has led here. */
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
