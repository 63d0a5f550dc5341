/** The data that a pane draws: a run at a position, with the previous position. */
import type { Position, RecordedRun } from "@dmalab/recording";
import type { RowDiff, RunIndex, RunVerdict } from "@dmalab/recording/views";
import type { SelectionMap } from "./selection.ts";

/** The marks of one file, by line. */
export function marksIn<T extends { readonly place: string }>(file: string, marks: readonly T[]) {
  return marks.flatMap((mark) => {
    const colon = mark.place.lastIndexOf(":");
    const line = Number(mark.place.slice(colon + 1));
    return mark.place.slice(0, colon) === file ? [{ ...mark, line }] : [];
  });
}

/** An action that is offered with a message. */
export interface PageAction {
  readonly title: string;
  readonly act: () => void;
}

export interface ListedRun {
  readonly title: string;
  readonly state: RunVerdict["state"];
  /** The run's state in words. */
  readonly outcome: string;
  /** Number of events; null while it is unknown. */
  readonly events: number | null;
}

export interface FileRuns {
  readonly runs: readonly ListedRun[];
  /** Index of the open run. */
  readonly shown: number;
  /** Records a run, including its blocks that run on separate machines. */
  open(index: number): Promise<RecordedRun>;
  show(index: number): void;
}

export interface PageModel {
  readonly run: RecordedRun;
  readonly index: RunIndex;
  readonly runs: FileRuns;
  readonly position: Position;
  /** The position before the last step; the changes of that step are marked. */
  readonly before: Position;
  /** Events of mappings that are never unmapped. */
  readonly leaked: ReadonlySet<number>;
  /** The rows that the last step changed, computed at the first call. */
  readonly changed: () => readonly RowDiff[];
  readonly selections: SelectionMap;
  /**
   * Goes to a position, or to the position after an event. The position may be in the shown run or
   * in another run.
   */
  readonly goTo: (to: number | Position, run?: RecordedRun) => void;
  /** Goes to the position after an event, without recording a place to return to. */
  readonly slideTo: (seq: number) => void;
  /** Draws the pane again, after the user changed a setting in it. */
  readonly redraw: () => void;
}

export interface Pane {
  /** Draws into an element, which is empty or contains the previous drawing. */
  draw(model: PageModel, root: HTMLElement): void;
}
