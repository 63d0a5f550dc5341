/** What the tables hold at a place: what the last move has changed, or the rows of one of them. */
import type { TextRole } from "@dmalab/lang/render";
import { type RowDiff, rowTexts, tableAt, tableSizes } from "@dmalab/recording/views";
import {
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
  shownPart,
} from "./screen_model.ts";

/** A row with what the last move did to it. */
interface ShownRow extends Pick<RowDiff, "cells" | "createdSeq" | "endedSeq" | "was"> {
  readonly mark: RowDiff["mark"] | " ";
}

const ROLES: Readonly<Record<ShownRow["mark"], TextRole | null>> = {
  "+": "good",
  "-": "bad",
  "~": "warning",
  " ": null,
};

/** @param table A table's name; null for what has changed. */
export function statePane(
  model: ScreenModel,
  table: string | null,
  chosen: number,
  room: Room,
): PaneView {
  if (table !== null) return tablePane(model, table, chosen, room);
  const changed = model.changedRows();
  if (changed.length > 0) {
    const title = `state: changed by the last move ${changed.length}`;
    const lines = changed.map((row) => rowLine(row, `${row.table} ${rowTexts(row).join(" ")}`));
    return shownPart(title, lines, chosen, room);
  }
  const sizes = tableSizes(model.recording, model.position).filter(({ rows }) => rows > 0);
  const lines = sizes.map(({ name, rows }): PaneLine => ({
    line: [`  ${name}  ${rows === 1 ? "1 row" : `${rows} rows`}`],
    enter: `:table ${name}`,
  }));
  return shownPart("state: nothing has changed", lines, chosen, room);
}

function tablePane(model: ScreenModel, name: string, chosen: number, room: Room): PaneView {
  const { position, recording } = model;
  const changed = model.changedRows().filter(({ table }) => table === name);
  const marks = new Map(changed.map((row) => [row.row, row]));
  const { columns, rows } = tableAt(recording, name, position);
  const held = rows.map((row): ShownRow => marks.get(row.row) ?? { ...row, mark: " ", was: null });
  const all = [...held, ...changed.filter(({ mark }) => mark === "-")];
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...all.map(({ cells }) => cells[index]!.text.length))
  );
  const padded = (cells: readonly string[]) =>
    cells.map((cell, index) => cell.padEnd(widths[index]!)).join(" ");
  const lines = all.map((row) => rowLine(row, padded(rowTexts(row))));
  const below = { ...room, rows: room.rows - 1 };
  const title = `state: ${name}, ${rows.length === 1 ? "1 row" : `${rows.length} rows`}`;
  const view = shownPart(title, lines, chosen, below);
  const header: PaneLine = { line: [["dim", `  ${padded(columns)}`]], enter: null };
  return { ...view, lines: [header, ...view.lines], chosen: view.chosen + 1 };
}

function rowLine({ createdSeq, endedSeq, mark, was }: ShownRow, text: string): PaneLine {
  const by = mark === "-" ? endedSeq : createdSeq;
  const event = by === null || by === 0 ? "" : `  #${by}`;
  const before = was === null ? "" : `  was ${rowTexts({ cells: was }).join(" ")}`;
  const whole = `${mark} ${text}${event}${before}`;
  const role = ROLES[mark];
  return {
    line: role === null ? [whole] : [[role, whole]],
    enter: by === null ? null : `:goto ${by}`,
  };
}
