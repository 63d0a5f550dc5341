/** What the tables hold at a place: what the last move has changed, or the rows of one of them. */
import type { Role } from "../../../lang/render/paint.ts";
import { type ChangedRow, tableAt, tableSizes } from "../../../lang/views/tables.ts";
import { type Moment, type PaneLine, type PaneView, type Room, shownPart } from "./moment.ts";

/** A row with what the last move did to it. */
interface MarkedRow {
  readonly mark: "+" | "-" | "~" | " ";
  readonly table: string;
  readonly cells: readonly string[];
  readonly was: readonly string[] | null;
  readonly born: number;
  readonly died: number | null;
}

const ROLES: Readonly<Record<MarkedRow["mark"], Role | null>> = {
  "+": "good",
  "-": "bad",
  "~": "warning",
  " ": null,
};

/** @param table A table's name; null for what has changed. */
export function statePane(
  moment: Moment,
  table: string | null,
  chosen: number,
  room: Room,
): PaneView {
  if (table !== null) return tablePane(moment, table, chosen, room);
  const changed = markedRows(moment);
  if (changed.length > 0) {
    const title = `state: changed by the last move ${changed.length}`;
    const lines = changed.map((row) => rowLine(row, `${row.table} ${row.cells.join(" ")}`));
    return shownPart(title, lines, chosen, room);
  }
  const sizes = tableSizes(moment.recording, moment.at).filter(({ rows }) => rows > 0);
  const lines = sizes.map(({ name, rows }): PaneLine => ({
    line: [`  ${name}  ${rows === 1 ? "1 row" : `${rows} rows`}`],
    enter: `:table ${name}`,
  }));
  return shownPart("state: nothing has changed", lines, chosen, room);
}

function tablePane(moment: Moment, name: string, chosen: number, room: Room): PaneView {
  const { at, recording } = moment;
  const changed = markedRows(moment).filter(({ table }) => table === name);
  const marks = new Map(changed.map((row) => [row.cells.join("\n"), row]));
  const { columns, rows } = tableAt(recording, name, at);
  const held = rows.map((row): MarkedRow =>
    marks.get(row.cells.join("\n")) ?? { ...row, mark: " ", table: name, was: null }
  );
  const all = [...held, ...changed.filter(({ mark }) => mark === "-")];
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...all.map(({ cells }) => cells[index]!.length))
  );
  const padded = (cells: readonly string[]) =>
    cells.map((cell, index) => cell.padEnd(widths[index]!)).join(" ");
  const lines = all.map((row) => rowLine(row, padded(row.cells)));
  const below = { ...room, rows: room.rows - 1 };
  const title = `state: ${name}, ${rows.length === 1 ? "1 row" : `${rows.length} rows`}`;
  const view = shownPart(title, lines, chosen, below);
  const header: PaneLine = { line: [["dim", `  ${padded(columns)}`]], enter: null };
  return { ...view, lines: [header, ...view.lines], chosen: view.chosen + 1 };
}

function rowLine({ born, died, mark, was }: MarkedRow, text: string): PaneLine {
  const by = mark === "-" ? died : born;
  const event = by === null || by === 0 ? "" : `  #${by}`;
  const before = was === null ? "" : `  was ${was.join(" ")}`;
  const whole = `${mark} ${text}${event}${before}`;
  const role = ROLES[mark];
  return {
    line: role === null ? [whole] : [[role, whole]],
    enter: by === null ? null : `:goto ${by}`,
  };
}

/** What the last move has changed: a row that went and one that came with the same key are one. */
function markedRows(moment: Moment): readonly MarkedRow[] {
  const rows = moment.changedRows();
  const keyOf = ({ cells, table }: ChangedRow) => {
    const { fields, isBag, key } = moment.recording.table(table).spec;
    const names = Object.keys(fields);
    const shown = isBag === true ? cells : key.map((name) => cells[names.indexOf(name)]!);
    return [table, ...shown].join("\n");
  };
  const gone = new Map(
    rows.filter(({ mark }) => mark === "-").map((row) => [keyOf(row), row] as const),
  );
  const came = new Set(rows.filter(({ mark }) => mark === "+").map(keyOf));
  return rows.flatMap((row): readonly MarkedRow[] => {
    if (row.mark === "-") return came.has(keyOf(row)) ? [] : [{ ...row, was: null }];
    const old = gone.get(keyOf(row));
    return [
      old === undefined ? { ...row, was: null } : { ...row, mark: "~" as const, was: old.cells },
    ];
  });
}
