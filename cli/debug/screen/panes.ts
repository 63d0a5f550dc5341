/** The content of each pane for a position: source, events, state, watches and addresses. */
import { maxOf } from "@dmalab/runtime/basics";
import type { SourceFile } from "@dmalab/lang";
import { formatEventText, stripCells } from "@dmalab/lang/render";
import { formatAddress, formatSize, type TextRole } from "@dmalab/lang/text";
import { type SetBreakpoint, valueOrReason, variablesAt } from "@dmalab/recording";
import {
  type AddressPiece,
  addressPieces,
  type AddressStrip,
  addressStrips,
  type RowDiff,
  rowTexts,
  spanHere,
  tableAt,
  tableSizes,
} from "@dmalab/recording/views";
import {
  firstShown,
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
  shownPart,
} from "./screen_model.ts";

export function watchPane(
  model: ScreenModel,
  watches: readonly string[],
  chosen: number,
  room: Room,
): PaneView {
  const { position, recording } = model;
  const watched = watches.map((text) =>
    valueLine(
      text,
      valueOrReason(recording, position, text),
      valueOrReason(recording, model.before, text),
    )
  );
  const before = new Map(
    variablesAt(recording, model.before).map(({ name, text }) => [name, text] as const),
  );
  const variables = variablesAt(recording, position).map(({ name, text }) =>
    valueLine(name, text, before.get(name) ?? null)
  );
  const title = watches.length === 0
    ? "watches: variables"
    : `watches: ${watches.length}, variables`;
  return shownPart(title, [...watched, ...variables], chosen, room);
}

/** @param was The value before the last move; null where there was no such value. */
function valueLine(name: string, is: string, was: string | null): PaneLine {
  const text = `${name}: ${is.split("\n")[0]}`;
  const enter = `:rewind ${name}`;
  if (was === is) return { line: [`  ${text}`], enter };
  if (was === null) return { line: [["good", `+ ${text}`]], enter };
  return { line: [["warning", `~ ${text}, was ${was.split("\n")[0]}`]], enter };
}

/** @param scroll Number of events from the current event to the chosen one. */
export function eventsPane(model: ScreenModel, scroll: number, { rows }: Room): PaneView {
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

/** `>` marks the current event, `+` the events that the last move has passed. */
function markOf({ position, before }: ScreenModel, seq: number): string {
  if (seq === position.seq) return ">";
  return seq < position.seq && seq > before.seq ? "+" : " ";
}

function roleOf({ position }: ScreenModel, seq: number, name: string): TextRole | null {
  if (seq > position.seq) return "dim";
  if (name === "iommu.fault" || name === "dma.report") return "bad";
  return seq === position.seq ? "strong" : null;
}

/** @param scroll Number of lines from the current line to the chosen one. */
export function sourcePane(model: ScreenModel, scroll: number, { rows }: Room): PaneView {
  const span = spanHere(model.recording, model.position);
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

/** Line number of the run's first statement. */
function firstLine({ recording }: ScreenModel): number {
  if (recording.statements.count === 0) return 1;
  const { source, start } = recording.started(1).span;
  return source.position(start).line;
}

function linesOf({ text }: SourceFile): readonly string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
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

/** A row of a table, marked if the last move created, changed or deleted it. */
interface ShownRow extends Pick<RowDiff, "cells" | "createdSeq" | "endedSeq" | "was"> {
  readonly mark: RowDiff["mark"] | " ";
}

const ROLES: Readonly<Record<ShownRow["mark"], TextRole | null>> = {
  "+": "good",
  "-": "bad",
  "~": "warning",
  " ": null,
};

/** @param table A table's name; null: the rows that the last move changed. */
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
    maxOf(all.map(({ cells }) => cells[index]!.text.length), column.length)
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

/**
 * Letters for the use of addresses. If the pages of one letter have several uses, the use that
 * comes first in this list is shown, or {@linkcode MIXED}.
 */
const LETTERS = { new: "+", gone: "-", mapped: "#", reserved: ":" } as const;
/** A letter of several pages, of which some are gone, and others are mapped or reserved. */
const MIXED = "~";
const KINDS = ["new", "gone", "mapped", "reserved"] as const;
const FREE = ".";
/** Smallest range that a letter of a strip represents. */
const PAGE_BYTES = 4096;

/**
 * The IOVAs of devices, as strips: each letter represents one or more pages, depending on the
 * width.
 */
export function addressPane(model: ScreenModel, chosen: number, room: Room): PaneView {
  const strips = stripsOf(model);
  const lines = strips.map((strip): PaneLine => ({
    line: [stripText(strip, room.columns)],
    enter: `:goto ${maxOf(strip.pieces.map(({ seq }) => seq), 0)}`,
  }));
  const hasMixed = lines.some(({ line }) => String(line[0]).includes(MIXED));
  const legend = [
    ...KINDS.map((word) => `${LETTERS[word]} ${word}`),
    ...hasMixed ? [`${MIXED} partly gone`] : [],
  ].join("  ");
  const title = strips.length === 0 ? "addresses: none in use" : `addresses  ${legend}`;
  return shownPart(title, lines, chosen, room);
}

export function stripsOf(model: ScreenModel): readonly AddressStrip[] {
  const pieces = addressPieces(model.recording, model.position, model.changedRows());
  // Strips show ranges with the mappings in them, and no ranges that have ended.
  return addressStrips(
    pieces.filter(({ change, kind, space }) =>
      space === "dma" && (kind === "mapped" || change !== "gone")
    ),
  );
}

function letterOf({ change, kind }: AddressPiece): keyof typeof LETTERS {
  // A range in the flush queue is still reserved: it cannot be allocated again yet.
  return kind === "mapped" ? change ?? kind : "reserved";
}

/** `ssd 0xfffe_0000 ..####:: 0xffff_ffff  4KiB each`. */
function stripText({ end, owner, pieces, start }: AddressStrip, columns: number): string {
  const head = `${owner} ${formatAddress(start)} `;
  const tail = ` ${formatAddress(end - 1)}`;
  const room = Math.max(4, columns - head.length - tail.length - "  1024GiB each".length);
  let cellBytes = PAGE_BYTES;
  while (Math.ceil((end - start) / cellBytes) > room) cellBytes *= 2;
  const lettered = pieces.map((piece) => ({
    start: piece.start,
    sizeBytes: piece.end - piece.start,
    kind: letterOf(piece),
  }));
  const scale = { start, cellBytes, cells: Math.ceil((end - start) / cellBytes) };
  const staying = stripCells(lettered.filter(({ kind }) => kind !== "gone"), scale, KINDS);
  const gone = lettered.filter(({ kind }) => kind === "gone").sort((a, b) => a.start - b.start);
  const isMixed = (cell: number) => {
    if (staying[cell] === null) return false;
    const first = start + cell * cellBytes;
    const last = Math.min(first + cellBytes, end);
    let reached = first;
    for (const piece of gone) {
      if (piece.start <= reached) reached = Math.max(reached, piece.start + piece.sizeBytes);
    }
    return reached < last;
  };
  const cells = stripCells(lettered, scale, KINDS).map((kind, cell) =>
    kind === null ? FREE : kind === "gone" && isMixed(cell) ? MIXED : LETTERS[kind]
  );
  return `${head}${cells.join("")}${tail}  ${formatSize(cellBytes)} each`;
}
