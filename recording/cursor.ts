/** A place in a run that is moved: what every front end that follows a run has. */
import type { StepCommand, StepOutcome } from "./step.ts";
import { type Position, START } from "./position.ts";
import { type ShownVariable, variablesAt } from "./evaluate.ts";
import type { Recording } from "./recording.ts";
import { BreakpointSet } from "./breakpoints/breakpoint_set.ts";
import { atHome, type RecordingPosition, walk } from "./blocks/walk.ts";

/** What commands know of the place that they move. */
export interface Cursor {
  readonly recording: Recording;
  readonly position: Position;
  readonly breakpoints: BreakpointSet;
  /** @param recording That of a block; the default is the one that one is in. */
  goTo(position: Position, recording?: Recording): void;
  move(step: StepCommand): StepOutcome;
  /** Names that are seen there, with their values. */
  variables(): readonly ShownVariable[];
}

/** A place in a run that has ended, or in one of its blocks. */
export class RecordingCursor implements Cursor {
  position: Position = START;

  /** @param stops Breakpoints that are set already. */
  constructor(
    public recording: Recording,
    readonly breakpoints: BreakpointSet = new BreakpointSet(),
  ) {}

  goTo(position: Position, recording: Recording = this.recording): void {
    this.#stand(atHome({ recording, position }));
  }

  move(step: StepCommand): StepOutcome {
    const walked = walk(this, step, this.breakpoints);
    this.#stand(walked);
    return walked;
  }

  #stand({ position, recording }: RecordingPosition): void {
    this.position = position;
    this.recording = recording;
  }

  variables(): readonly ShownVariable[] {
    return variablesAt(this.recording, this.position);
  }
}
