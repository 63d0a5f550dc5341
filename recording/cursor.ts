/** A place in a run that is moved: what every front end that follows a run has. */
import type { Moved, Step } from "./moves.ts";
import { type Position, START } from "./position.ts";
import { type ShownVariable, variablesAt } from "./questions.ts";
import type { Recording } from "./recording.ts";
import { Stops } from "./stops/stops.ts";
import { atHome, type Spot, walk } from "./blocks/walk.ts";

/** What commands know of the place that they move. */
export interface Place {
  readonly recording: Recording;
  readonly at: Position;
  readonly stops: Stops;
  /** @param recording That of a block; the default is the one that one is in. */
  goTo(at: Position, recording?: Recording): void;
  move(step: Step): Moved;
  /** Names that are seen there, with their values. */
  variables(): readonly ShownVariable[];
}

/** A place in a run that has ended, or in one of its blocks. */
export class Cursor implements Place {
  at: Position = START;

  /** @param stops Breakpoints that are set already. */
  constructor(public recording: Recording, readonly stops: Stops = new Stops()) {}

  goTo(at: Position, recording: Recording = this.recording): void {
    this.#stand(atHome({ recording, at }));
  }

  move(step: Step): Moved {
    const walked = walk(this, step, this.stops);
    this.#stand(walked);
    return walked;
  }

  #stand({ at, recording }: Spot): void {
    this.at = at;
    this.recording = recording;
  }

  variables(): readonly ShownVariable[] {
    return variablesAt(this.recording, this.at);
  }
}
