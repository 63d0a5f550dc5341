/** The model that a pane draws: a run at a moment, with the moment before. */
import type { Position, RecordedRun } from "@dmalab/recording";
import type { RowDiff, RunIndex, RunVerdict } from "@dmalab/recording/views";
import type { SelectionMap } from "./selection.ts";

/** Those of a file, by their lines. */
export function marksIn<T extends { readonly place: string }>(file: string, marks: readonly T[]) {
  return marks.flatMap((mark) => {
    const colon = mark.place.lastIndexOf(":");
    const line = Number(mark.place.slice(colon + 1));
    return mark.place.slice(0, colon) === file ? [{ ...mark, line }] : [];
  });
}

/** Something that a reader can do about what is said. */
export interface PageAction {
  readonly title: string;
  readonly act: () => void;
}

export interface ListedRun {
  readonly title: string;
  readonly state: RunVerdict["state"];
  /** The same in words. */
  readonly outcome: string;
  /** Null where it is not known. */
  readonly events: number | null;
}

export interface FileRuns {
  readonly runs: readonly ListedRun[];
  /** Which of them is open. */
  readonly shown: number;
  /** Records one of them, with its blocks that run on separate machines. */
  open(index: number): Promise<RecordedRun>;
  show(index: number): void;
}

export interface PageModel {
  readonly run: RecordedRun;
  readonly index: RunIndex;
  readonly runs: FileRuns;
  readonly position: Position;
  /** Where the last move began: its changes are marked. */
  readonly before: Position;
  /** Events of mappings that nothing unmaps. */
  readonly leaked: ReadonlySet<number>;
  /** The rows that it changed, found when they are first asked for. */
  readonly changed: () => readonly RowDiff[];
  readonly selections: SelectionMap;
  /** Goes to a moment, or to the one after an event, of this run or of another one. */
  readonly goTo: (to: number | Position, run?: RecordedRun) => void;
  /** Goes to the moment after an event, and leaves nothing to come back to. */
  readonly slideTo: (seq: number) => void;
  /** Draws the pane again, after a choice in it. */
  readonly redraw: () => void;
}

export interface Pane {
  /** Draws into an element that is empty or has what was drawn before. */
  draw(model: PageModel, root: HTMLElement): void;
}
