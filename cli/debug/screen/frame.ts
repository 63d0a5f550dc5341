/** A whole screen as rows of text: the panes of a place, what was said, and the line that is typed. */
import { positionView, type RowDiff, rowTexts, tableAt, tableSizes } from "@dmalab/recording/views";
import { displayWidth } from "@dmalab/lang/diagnostics";
import { formatEventText, type Paint, type TextRole } from "@dmalab/lang/render";
import { formatTimeRounded } from "@dmalab/lang/text";
import { type RunName, type SetBreakpoint, spanOfEvent } from "@dmalab/recording";
import { displayName } from "@dmalab/lang/run";
import { fitLine, type StyledLine, textOf } from "../../terminal/styled.ts";
import { addressPane } from "./address_pane.ts";
import { type PaneName, PANES, type ScreenArea, type ScreenLayout } from "./layout.ts";
import {
  firstShown,
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
  shownPart,
} from "./screen_model.ts";
import type { SourceFile, Span } from "@dmalab/lang";

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
function statePane(
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

/** What the user has selected. */
export interface Chosen {
  pane: PaneName;
  /** The table that is shown; null: what has changed. */
  table: string | null;
  /** By pane: the row that is chosen; of source and events from the current one. */
  readonly rows: Record<PaneName, number>;
}

export interface DrawnFrame {
  readonly model: ScreenModel;
  readonly chosen: Chosen;
  readonly watches: readonly string[];
  /** Which run of how many, from 1. */
  readonly run: { readonly number: number; readonly of: number };
  readonly message: readonly string[];
}

/** The rows of a screen without its last. Those of the message are the last ones. */
export function frameRows(
  shown: DrawnFrame,
  layout: ScreenLayout,
  columns: number,
  paint: Paint,
): string[] {
  const rows: string[] = [fitLine(headLine(shown), columns, paint)];
  const areas = PANES.flatMap((name) => {
    const area = layout.panes[name];
    return area === undefined ? [] : [{ name, area }];
  });
  const drawn = areas.map(({ area, name }) => ({
    area,
    lines: paneLines(name, paneOf(name, shown, area), { area, layout, paint, shown }),
  }));
  for (let row = 1; row < layout.message.row; row++) {
    const here = drawn.filter(({ area }) => row >= area.row && row < area.row + area.rows)
      .sort((one, other) => one.area.column - other.area.column);
    rows.push(here.map(({ area, lines }) => lines[row - area.row]!).join("│"));
  }
  const { message } = layout;
  for (let row = 0; row < message.rows; row++) {
    rows.push(fitLine([shown.message[row] ?? ""], columns, paint));
  }
  return rows;
}

export function paneOf(name: PaneName, shown: DrawnFrame, area: ScreenArea): PaneView {
  const { chosen: { rows, table }, model, watches } = shown;
  const room = { rows: area.rows - 1, columns: area.columns - 2 };
  const row = rows[name];
  switch (name) {
    case "source":
      return sourcePane(model, row, room);
    case "events":
      return eventsPane(model, row, room);
    case "state":
      return statePane(model, table, row, room);
    case "watches":
      return watchPane(model, watches, row, room);
    case "addresses":
      return addressPane(model, row, room);
  }
}

function paneLines(
  name: PaneName,
  view: PaneView,
  { area, layout, paint, shown }: {
    readonly area: ScreenArea;
    readonly layout: ScreenLayout;
    readonly paint: Paint;
    readonly shown: DrawnFrame;
  },
): readonly string[] {
  const hasFocus = shown.chosen.pane === name;
  const lines = [titleLine(name, view.title, hasFocus, layout.isPaged)];
  for (let row = 0; row < area.rows - 1; row++) {
    const content = view.lines[row]?.line ?? [];
    // What Enter goes to is marked in the pane that has the keys.
    const isChosen = hasFocus && row === view.chosen;
    lines.push([isChosen ? ["strong", "»"] : " ", ...content]);
  }
  return lines.map((line) => ruled(line, area.columns, paint));
}

/** The title of the pane that has the keys is in brackets; where there are pages, all are named. */
function titleLine(
  name: PaneName,
  title: string,
  hasFocus: boolean,
  isPaged: boolean,
): StyledLine {
  if (!isPaged || name === "source" && !hasFocus) {
    return [["dim", "─"], ["strong", hasFocus ? `[${title}]` : ` ${title} `], RULE];
  }
  const others = PANES.map((each) => each === name ? `[${each}]` : ` ${each} `).join("");
  const rest = title.startsWith(name) ? title.slice(name.length).replace(/^:? /, "") : title;
  return [["strong", others], ` ${rest} `, RULE];
}

/** Fills what is left of a line. */
const RULE = "\0";

function ruled(line: StyledLine, columns: number, paint: Paint): string {
  if (line.at(-1) !== RULE) return fitLine(line, columns, paint);
  const text = line.slice(0, -1);
  const width = text.reduce((sum, piece) => sum + displayWidth(textOf(piece)), 0);
  return fitLine([...text, ["dim", "─".repeat(Math.max(0, columns - width))]], columns, paint);
}

function headLine({ model, run }: DrawnFrame): StyledLine {
  const { position, recording } = model;
  const { atNs, edge, events, seq } = positionView(recording, position);
  const { failedAt, name } = recording;
  const isFailure = failedAt !== null && failedAt.seq === position.seq &&
    failedAt.statement === position.statement;
  const where = isFailure ? "FAILED" : edge === "end" ? "END" : edge === "start" ? "START" : "PAST";
  const of = run.of > 1 ? `  run ${run.number}/${run.of}` : "";
  const parts = [`event ${seq}/${events}`, formatTimeRounded(atNs), where];
  // The place comes first: a long name may be cut.
  return [["strong", ` ${parts.join("  ")}`], `  ${name.file}${of}  ${runText(name)}`];
}

function runText({ combination, kind, name }: RunName): string {
  const what = kind === "main" ? "(statements)" : `"${name}"`;
  return displayName({ name: what, combination });
}

function watchPane(
  model: ScreenModel,
  watches: readonly string[],
  chosen: number,
  room: Room,
): PaneView {
  const watched = watches.map((text) =>
    valueLine(text, model.value(text), model.value(text, model.before))
  );
  const before = new Map(
    model.variables(model.before).map(({ name, text }) => [name, text] as const),
  );
  const variables = model.variables().map(({ name, text }) =>
    valueLine(name, text, before.get(name) ?? null)
  );
  const title = watches.length === 0
    ? "watches: variables"
    : `watches: ${watches.length}, variables`;
  return shownPart(title, [...watched, ...variables], chosen, room);
}

/** @param was What it was before the last move; null where it was not. */
function valueLine(name: string, is: string, was: string | null): PaneLine {
  const text = `${name}: ${is.split("\n")[0]}`;
  const enter = `:rewind ${name}`;
  if (was === is) return { line: [`  ${text}`], enter };
  if (was === null) return { line: [["good", `+ ${text}`]], enter };
  return { line: [["warning", `~ ${text}, was ${was.split("\n")[0]}`]], enter };
}

/** @param scroll Events after the current one that the chosen one is. */
function eventsPane(model: ScreenModel, scroll: number, { rows }: Room): PaneView {
  const { position, recording } = model;
  const { count } = recording.log;
  if (count === 0) return { title: "events: none", lines: [], chosen: -1 };
  const chosen = Math.max(0, Math.min(position.seq + scroll, count));
  const first = firstShown(count, Math.max(0, chosen - 1), rows) + 1;
  const last = Math.min(count, first + rows - 1);
  const width = String(last).length;
  const lines: PaneLine[] = [];
  let depth = first === 1 ? 0 : recording.kernelFrames(recording.afterEvent(first - 1)).length;
  for (let seq = first; seq <= last; seq++) {
    const name = recording.eventNameAt(seq);
    const indent = "  ".repeat(depth);
    if (name.startsWith("call.")) depth++;
    else if (name.startsWith("ret.")) depth = Math.max(0, depth - 1);
    const text = `${markOf(model, seq)}${String(seq).padStart(width)} ${indent}${
      formatEventText(recording.event(seq))
    }`;
    const role = roleOf(model, seq, name);
    lines.push({ line: role === null ? [text] : [[role, text]], enter: `:goto ${seq}` });
  }
  return { title: `events 1 to ${count}`, lines, chosen: chosen - first };
}

/** `>` the last that has happened, `+` what the last move has made happen. */
function markOf({ position, before }: ScreenModel, seq: number): string {
  if (seq === position.seq) return ">";
  return seq < position.seq && seq > before.seq ? "+" : " ";
}

function roleOf({ position }: ScreenModel, seq: number, name: string): TextRole | null {
  if (seq > position.seq) return "dim";
  if (name === "iommu.fault" || name === "dma.report") return "bad";
  return seq === position.seq ? "strong" : null;
}

/** @param scroll Lines below the current one that the chosen line is. */
function sourcePane(model: ScreenModel, scroll: number, { rows }: Room): PaneView {
  const span = spanHere(model);
  const source = span?.source ?? model.recording.code.statements[0]?.span.source;
  if (source === undefined) return { title: "source", lines: [], chosen: -1 };
  const current = span === null ? null : source.position(span.start).line;
  const texts = linesOf(source);
  const chosen = Math.max(1, Math.min((current ?? firstLine(model)) + scroll, texts.length));
  const first = firstShown(texts.length, chosen - 1, rows);
  const breaks = breakLines(model, source);
  const width = String(texts.length).length;
  const lines = texts.slice(first, first + rows).map((text, index): PaneLine => {
    const number = first + index + 1;
    const marks = `${number === current ? ">" : " "}${breaks.has(number) ? "*" : " "}`;
    const head = `${marks}${String(number).padStart(width)}  `;
    return {
      line: number === current ? [["strong", head + text]] : [["dim", head], text],
      enter: `:goto ${source.name}:${number}`,
    };
  });
  return { title: `source ${source.name}`, lines, chosen: chosen - 1 - first };
}

/** Where the run begins. */
function firstLine({ recording }: ScreenModel): number {
  if (recording.statements.count === 0) return 1;
  const { source, start } = recording.started(1).span;
  return source.position(start).line;
}

function linesOf({ text }: SourceFile): readonly string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** The statement that a moment belongs to. */
function spanHere({ position, recording }: ScreenModel): Span | null {
  if (recording.isStatementStart(position) || position.seq === 0) {
    return recording.statement(position)?.span ?? null;
  }
  return spanOfEvent(recording, position.seq);
}

function breakLines(
  { recording, breakpoints }: ScreenModel,
  source: SourceFile,
): ReadonlySet<number> {
  const { statements } = recording.code;
  const isHere = ({ cause }: SetBreakpoint) =>
    cause.kind === "line" &&
    (cause.file === undefined
      ? statements.some(({ native, span }) => span.source === source && native === undefined)
      : cause.file === source.name);
  return new Set(
    breakpoints.all.filter(isHere).flatMap((stop) => breakpoints.lineOf(recording, stop) ?? []),
  );
}
