/** The data of the panes: a position of a run, and the position before the last move. */
import type { BreakpointSet, Cursor, Position, Recording } from "@dmalab/recording";
import { changedRows, type RowDiff } from "@dmalab/recording/views";
import type { StyledLine } from "../../terminal/styled.ts";

/** How much room a pane has. */
export interface Room {
  readonly rows: number;
  readonly columns: number;
}

export interface PaneLine {
  readonly line: StyledLine;
  /** The command that Enter runs on this line; null for none. */
  readonly enter: string | null;
}

export interface PaneView {
  readonly title: string;
  readonly lines: readonly PaneLine[];
  /** Index of the chosen line in `lines`; -1 for none. */
  readonly chosen: number;
}

export class ScreenModel {
  readonly recording: Recording;
  readonly position: Position;
  readonly breakpoints: BreakpointSet;
  #changed: readonly RowDiff[] | null = null;

  /** @param before Position before the last move. */
  constructor({ position, recording, breakpoints }: Cursor, readonly before: Position) {
    this.recording = recording;
    this.position = position;
    this.breakpoints = breakpoints;
  }

  changedRows(): readonly RowDiff[] {
    const { position, recording } = this;
    return this.#changed ??= changedRows(
      { recording, position: this.before },
      { recording, position },
    );
  }
}

/** Index of the first line to show, so that the line `seen` is visible. */
export function firstShown(count: number, seen: number, rows: number): number {
  return Math.max(0, Math.min(seen - Math.floor(rows / 2), count - rows));
}

/** The lines around the chosen line that fit into the pane. */
export function shownPart(
  title: string,
  lines: readonly PaneLine[],
  chosen: number,
  { rows }: Room,
): PaneView {
  const within = Math.max(0, Math.min(chosen, lines.length - 1));
  const first = firstShown(lines.length, within, rows);
  return { title, lines: lines.slice(first, first + rows), chosen: within - first };
}
