/**
 * A failure as lines of text: the diagnostic, the values of a failed assertion's parts below its
 * source line, and notes.
 *
 * ```text
 * error[E0901]: assertion failed
 *   --> f.dma:12:10
 *    |
 * 12 |   assert req.iova.size == 128KiB
 *    |          |   |    |    |
 *    |          |   |    4KiB false
 *    |          |   { start: 0xffff_f000, size: 4KiB }
 *    |          request 1 (read, 8 blocks at 0)
 * ```
 */
import { displayWidth, printable } from "../diagnostics/display_width.ts";
import { renderDiagnostic, type RenderOptions } from "../diagnostics/render.ts";
import type { SourceFile } from "../source.ts";
import { clipped, MAX_REPEATED } from "../diagnostics/clip.ts";
import type { ExplainedPart, Failure } from "../vm/failure.ts";
import type { FailedValue } from "./report.ts";

/** Wraps pieces of text for colour. */
export type FailureStyle = NonNullable<RenderOptions["style"]>;

/** In a source line longer than this, values are listed instead of drawn. */
const DRAWN_COLUMNS = 120;

/**
 * In a rendered diagnostic, the number of lines between the message and the source line.
 * `SOURCE_LINES` is the number of lines that the source line and its carets take.
 */
const PLACE_LINES = 2;
const SOURCE_LINES = 2;

/** Spaces that replace a tab. */
const TAB = "    ";

/** Renders a failure. Lines have no line ends. */
export function renderFailure(failure: Failure, style?: FailureStyle): readonly string[] {
  const { diagnostic, notes, parts } = failure;
  const options = style === undefined ? {} : { style };
  const lines = renderDiagnostic(diagnostic, options).split("\n");
  if (parts.length > 0) {
    const plain = style ?? ((_role, text) => text);
    const rows = explainedLines(diagnostic.span.source, parts, gutterWidth(failure), plain);
    const messageLines = diagnostic.message.split("\n").length;
    lines.splice(messageLines + PLACE_LINES, SOURCE_LINES, ...rows);
  }
  return [...lines, ...notes.map((note) => `   ${printable(note)}`)];
}

/** The values of an assertion's named parts. */
export function failedValues({ parts }: Failure): readonly FailedValue[] {
  return parts.flatMap(({ anchor: { source, start }, text }) => {
    const { column, line } = source.position(start);
    const part = wordAt(source.line(line), column - 1);
    return /^\w/.test(part) ? [{ part, text: printable(clipped(text)) }] : [];
  });
}

/** The width of the widest line number that is shown. */
function gutterWidth({ diagnostic, parts }: Failure): number {
  const spans = [
    diagnostic.span,
    ...(diagnostic.related ?? []).map(({ span }) => span),
    ...parts.map(({ anchor }) => anchor),
  ];
  return Math.max(
    ...spans.map(({ source, start }) => String(source.position(start).line).length),
  );
}

function explainedLines(
  source: SourceFile,
  parts: readonly ExplainedPart[],
  width: number,
  style: FailureStyle,
): string[] {
  const byLine = new Map<number, Drawn[]>();
  for (const { anchor, text } of parts) {
    const { column, line } = source.position(anchor.start);
    // Measures only the start of the line: farther right no value is drawn below its column.
    const before = shown(source.line(line).slice(0, Math.min(column - 1, MAX_REPEATED)));
    const drawn = {
      column: displayWidth(before),
      word: wordAt(source.line(line), column - 1),
      text: printable(clipped(text)),
    };
    byLine.set(line, [...byLine.get(line) ?? [], drawn]);
  }
  const bar = style("gutter", "|");
  const margin = ` ${" ".repeat(width)} ${bar}`;
  return [...byLine].sort(([a], [b]) => a - b).flatMap(([line, drawn]) => {
    const text = shown(clipped(source.line(line)));
    return [
      ` ${style("gutter", String(line).padStart(width))} ${bar} ${text}`,
      ...(displayWidth(text) > DRAWN_COLUMNS ? valueList(drawn) : valueRows(drawn))
        .map((row) => `${margin} ${style("caret", row)}`),
    ];
  });
}

function shown(line: string): string {
  return printable(line).replaceAll("\t", TAB);
}

/** A value and its column. */
interface Drawn {
  readonly column: number;
  readonly text: string;
  readonly word?: string;
}

/**
 * Values below their columns. A value is in the first row where it touches no other value; a bar
 * connects it with its column.
 */
function valueRows(drawn: readonly Drawn[]): string[] {
  let pending = [...drawn].sort((a, b) => a.column - b.column);
  const rows = [barsAt(pending)];
  while (pending.length > 0) {
    const later: Drawn[] = [];
    let row = "";
    let free = Infinity;
    for (let index = pending.length - 1; index >= 0; index--) {
      const { column, text } = pending[index]!;
      const fits = column + displayWidth(text) < free;
      if (!fits) later.unshift(pending[index]!);
      if (column >= free) continue;
      const cell = fits ? text : "|";
      const gap = free === Infinity ? 0 : free - column - displayWidth(cell);
      row = `${cell}${" ".repeat(gap)}${row}`;
      free = column;
    }
    rows.push(" ".repeat(free === Infinity ? 0 : free) + row);
    pending = later;
  }
  return rows;
}

function barsAt(drawn: readonly Drawn[]): string {
  let row = "";
  for (const { column } of drawn) {
    if (row.length <= column) row = `${row.padEnd(column)}|`;
  }
  return row;
}

/** A list of lines `name: value`, for a source line that is too long to draw values below it. */
function valueList(drawn: readonly Drawn[]): string[] {
  return [...drawn].sort((a, b) => a.column - b.column).map(({ text, word }) => `${word}: ${text}`);
}

function wordAt(line: string, index: number): string {
  return printable(line.slice(index, index + MAX_REPEATED).match(/^(\w+|\S+)/)?.[0] ?? "");
}
