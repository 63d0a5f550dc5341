/** What a pane draws: a run at a moment, with the one before. */
import type { Position, RecordedRun } from "@dmalab/recording";
import type { ChangedRow } from "@dmalab/recording/views";
import type { SelectionMap } from "./selection.ts";

export interface FileRuns {
  readonly titles: readonly string[];
  /** Which of them is open. */
  readonly shown: number;
  /** Records one of them, with its blocks that run on machines of their own. */
  open(index: number): Promise<RecordedRun>;
}

export interface PageModel {
  readonly run: RecordedRun;
  readonly runs: FileRuns;
  readonly position: Position;
  /** Where the last move began: what it changed is marked. */
  readonly before: Position;
  /** The rows that it changed, found when they are first asked for. */
  readonly changed: () => readonly ChangedRow[];
  readonly selections: SelectionMap;
  /** Goes to a moment, or to the one after an event, of this run or of another one. */
  readonly goTo: (to: number | Position, run?: RecordedRun) => void;
  /** Draws the pane again, after a choice in it. */
  readonly redraw: () => void;
}

/** One of the views beside the source. */
export interface Pane {
  readonly id: string;
  readonly title: string;
  /** Draws into an element that is empty or has what was drawn before. */
  draw(model: PageModel, root: HTMLElement): void;
}
