/**
 * Renders Markdown for a terminal, in the subset that the project's own pages use: headings,
 * paragraphs, lists, tables with wrapped cells, fenced code, `code` and **bold**.
 */
import { addAll, maxOf } from "@dmalab/runtime/basics";
import { painter, type TextRole } from "@dmalab/lang/text";

export interface MarkdownOptions {
  readonly columns: number;
  readonly colour: boolean;
}

export function renderMarkdown(lines: readonly string[], options: MarkdownOptions): string[] {
  const out: string[] = [];
  let index = 0;
  while (index < lines.length) {
    const line = lines[index]!;
    if (line.startsWith("```")) {
      const end = findFrom(lines, index + 1, (each) => each.startsWith("```"));
      addAll(out, lines.slice(index + 1, end).map((each) => `    ${each}`.trimEnd()));
      index = end + 1;
    } else if (isTableRow(line) && /^\s*\|[\s:|-]+\|\s*$/.test(lines[index + 1] ?? "")) {
      const end = findFrom(lines, index, (each) => !isTableRow(each));
      addAll(out, renderTable(lines.slice(index, end), options));
      index = end;
    } else if (/^#+ /.test(line)) {
      const title = readInline(line.replace(/^#+ /, ""), true);
      out.push(...wrap(title, options.columns).map((each) => draw(each, options)), "");
      index++;
    } else if (/^-{3,}\s*$/.test(line)) {
      index++;
    } else if (line.trim() === "") {
      if (out.at(-1) !== "" && out.length > 0) out.push("");
      index++;
    } else {
      const end = findFrom(lines, index + 1, startsBlock);
      addAll(out, renderParagraph(lines.slice(index, end), options));
      index = end;
    }
  }
  while (out.at(-1) === "") out.pop();
  return out;
}

/** A table as rows of cells, without the row of dashes. */
export function readTable(lines: readonly string[]): string[][] {
  return lines.filter((_, index) => index !== 1).map(readRow);
}

/** The cells of one row; `\|` is a bar inside a cell. */
export function readRow(line: string): string[] {
  const inside = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return inside.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

export function isTableRow(line: string): boolean {
  return /^\s*\|.*\|\s*$/.test(line);
}

function startsBlock(line: string): boolean {
  return line.trim() === "" || line.startsWith("```") || /^#+ /.test(line) || isTableRow(line) ||
    listMark(line) !== null || /^-{3,}\s*$/.test(line);
}

/** The marker of a list item with its indent, such as `  1. `. */
function listMark(line: string): string | null {
  return line.match(/^\s*(?:[-*]|\d+\.) +/)?.[0] ?? null;
}

function findFrom(
  lines: readonly string[],
  start: number,
  wanted: (line: string) => boolean,
): number {
  let index = start;
  while (index < lines.length && !wanted(lines[index]!)) index++;
  return index;
}

function renderParagraph(lines: readonly string[], options: MarkdownOptions): string[] {
  const mark = listMark(lines[0]!) ?? "";
  const text = [lines[0]!.slice(mark.length), ...lines.slice(1)].map((line) => line.trim());
  const hanging = " ".repeat(mark.length);
  return wrap(readInline(text.join(" ")), options.columns - mark.length)
    .map((line, index) => (index === 0 ? mark : hanging) + draw(line, options));
}

/** Two spaces between columns. */
const GUTTER = 2;
/** A column is not made narrower than this to make room for others. */
const NARROWEST = 8;

function renderTable(lines: readonly string[], options: MarkdownOptions): string[] {
  const rows = readTable(lines).map((row, index) =>
    row.map((cell) => readInline(cell.replace(/<br\s*\/?>/g, " "), index === 0))
  );
  const natural = naturalWidths(rows);
  const total = natural.reduce((sum, width) => sum + width + GUTTER, -GUTTER);
  if (rows.length === 2 && total > options.columns) {
    return renderRecord(rows[0]!, rows[1]!, options);
  }
  const widths = columnWidths(rows, natural, options.columns);
  const out: string[] = [];
  rows.forEach((row, rowIndex) => {
    const cells = widths.map((width, column) => wrap(row[column] ?? [], width));
    const height = maxOf(cells.map((cell) => cell.length));
    for (let y = 0; y < height; y++) {
      const parts = cells.map((cell, column) => {
        const line = cell[y] ?? [];
        const shown = draw(line, options);
        if (column === widths.length - 1) return shown;
        return shown + " ".repeat(widths[column]! - line.length + GUTTER);
      });
      out.push(parts.join("").trimEnd());
    }
    if (rowIndex === 0) {
      out.push(widths.map((width) => "─".repeat(width)).join(" ".repeat(GUTTER)));
    }
  });
  return out;
}

/**
 * Renders a table that has a single row and is too wide. The result is a list of fields, which is
 * easier to read than a table.
 */
function renderRecord(
  names: readonly Text[],
  cells: readonly Text[],
  options: MarkdownOptions,
): string[] {
  const width = maxOf(names.map((name) => name.length));
  return names.flatMap((name, column) =>
    wrap(cells[column] ?? [], options.columns - width - GUTTER).map((line, y) =>
      draw(y === 0 ? name : [], options) +
      " ".repeat(width + GUTTER - (y === 0 ? name.length : 0)) +
      draw(line, options)
    )
  );
}

function naturalWidths(rows: readonly (readonly Text[])[]): number[] {
  const count = maxOf(rows.map((row) => row.length));
  return Array.from(
    { length: count },
    (_, column) => maxOf(rows.map((row) => row[column]?.length ?? 0), 1),
  );
}

/**
 * The widths of a table's columns. If the natural widths do not fit, the widest columns are made
 * narrower; words are broken only if nothing else helps.
 */
function columnWidths(
  rows: readonly (readonly Text[])[],
  natural: readonly number[],
  columns: number,
): number[] {
  const widths = [...natural];
  const room = columns - GUTTER * (widths.length - 1);
  const longestWords = widths.map((_, column) =>
    maxOf(
      rows.flatMap((row) =>
        (row[column] ?? []).map(({ char }) => char).join("").split(" ").map((word) => word.length)
      ),
    )
  );
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  for (const floors of [longestWords, widths.map(() => NARROWEST)]) {
    while (excess > 0) {
      const slack = widths.map((width, column) => width > floors[column]! ? width : 0);
      const widest = maxOf(slack);
      if (widest <= NARROWEST) break;
      widths[slack.lastIndexOf(widest)]! -= 1;
      excess--;
    }
  }
  return widths;
}

type Style = "plain" | "code" | "strong";

interface Glyph {
  readonly char: string;
  readonly style: Style;
}

/** Text without Markdown's marks: each glyph takes one column. */
type Text = readonly Glyph[];

function readInline(markdown: string, strong = false): Text {
  const glyphs: Glyph[] = [];
  const base: Style = strong ? "strong" : "plain";
  const marks = /`([^`]*)`|\*\*(.+?)\*\*|(?<![\w*])\*(\S(?:[^*]*\S)?)\*(?![\w*])|(.)/gsu;
  for (const [, code, bold, italic, char] of markdown.matchAll(marks)) {
    const text = code ?? bold ?? italic ?? char!;
    const style: Style = code !== undefined ? "code" : bold !== undefined ? "strong" : base;
    for (const each of text.replaceAll("`", "")) glyphs.push({ char: each, style });
  }
  return glyphs;
}

/** Breaks text at spaces into lines of at most `columns`; a longer word is cut. */
function wrap(text: Text, columns: number): Text[] {
  const lines: Text[] = [];
  let rest = [...text];
  while (rest.length > columns) {
    const space = rest.slice(0, columns + 1).findLastIndex(({ char }) => char === " ");
    const end = space > 0 ? space : columns;
    lines.push(rest.slice(0, end));
    rest = rest.slice(space > 0 ? end + 1 : end);
  }
  lines.push(rest);
  return lines;
}

const ROLES: Readonly<Record<Exclude<Style, "plain">, TextRole>> = {
  code: "iommu",
  strong: "strong",
};

function draw(text: Text, { colour }: MarkdownOptions): string {
  if (!colour) return text.map(({ char }) => char).join("");
  const paint = painter(colour);
  let out = "";
  for (let start = 0, end = 0; start < text.length; start = end) {
    const { style } = text[start]!;
    while (end < text.length && text[end]!.style === style) end++;
    const part = text.slice(start, end).map(({ char }) => char).join("");
    out += style === "plain" ? part : paint(ROLES[style], part);
  }
  return out;
}
