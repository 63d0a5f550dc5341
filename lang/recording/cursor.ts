/** A place in a run that is moved: what every front end that follows a run has. */
import { move, type Moved, type Step } from "./moves.ts";
import { type Position, START } from "./position.ts";
import { type ShownVariable, variablesAt } from "./questions.ts";
import type { Recording } from "./recording.ts";
import { Stops } from "./stops/stops.ts";

/** What commands know of the place that they move. */
export interface Place {
  readonly recording: Recording;
  readonly at: Position;
  readonly stops: Stops;
  goTo(at: Position): void;
  move(step: Step): Moved;
  /** Names that are seen there, with their values. */
  variables(): readonly ShownVariable[];
}

/** A place in a run that has ended. */
export class Cursor implements Place {
  at: Position = START;

  /** @param stops Breakpoints that are set already. */
  constructor(readonly recording: Recording, readonly stops: Stops = new Stops()) {}

  goTo(at: Position): void {
    this.at = at;
  }

  move(step: Step): Moved {
    const moved = move(this.recording, this.at, step, this.stops);
    this.at = moved.at;
    return moved;
  }

  variables(): readonly ShownVariable[] {
    return variablesAt(this.recording, this.at);
  }
}
