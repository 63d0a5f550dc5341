/** What a pane draws: a run at a moment, with the one before. */
import type { KeptRun } from "../../lang/recording/kept_run.ts";
import type { Position } from "../../lang/recording/position.ts";
import type { Things } from "./things.ts";

export interface Moment {
  readonly run: KeptRun;
  readonly at: Position;
  /** Where the last move began: what it changed is marked. */
  readonly before: Position;
  readonly things: Things;
  /** Goes to the moment after an event. */
  readonly goTo: (seq: number) => void;
  /** Draws the pane again, after a choice in it. */
  readonly redraw: () => void;
}

/** One of the views beside the source. */
export interface Pane {
  readonly id: string;
  readonly title: string;
  /** Draws into an element that is empty or has what was drawn before. */
  draw(moment: Moment, root: HTMLElement): void;
}
