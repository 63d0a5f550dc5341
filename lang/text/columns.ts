/** Text in columns, for all tables and pictures. */

/** Largest width of pictures, and the default width of other output. */
export const PICTURE_COLUMNS = 80;

export type Alignment = "left" | "right";

/** Pads to a width; longer text is not cut. */
export function pad(text: string, width: number, alignment: Alignment = "left"): string {
  return alignment === "left" ? text.padEnd(width) : text.padStart(width);
}

/** Cuts text that is wider than `columns`, and marks the cut with `…`. */
export function clip(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}

/**
 * Left and right text on one line of `columns`, with at least two spaces between them. A line
 * without a limit (`Infinity`, in a pipe) is as wide as a picture, or wider to hold both texts.
 */
export function spread(left: string, right: string, columns: number = PICTURE_COLUMNS): string {
  if (right === "") return clip(left, columns);
  const width = columns === Infinity
    ? Math.max(PICTURE_COLUMNS, left.length + 2 + right.length)
    : columns;
  const room = width - right.length;
  return `${pad(clip(left, room - 2), room)}${right}`;
}

/**
 * Rows of cells as lines. Each column is as wide as its widest cell, with two spaces between
 * columns.
 *
 * @param header Titles of the columns; an underline follows them.
 * @param alignments The alignment of each column; left for columns that are not in the list.
 * @param columns Width of a line.
 */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  alignments: readonly Alignment[] = [],
  columns: number = PICTURE_COLUMNS,
): string[] {
  const widths = header.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, (row[column] ?? "").length), title.length)
  );
  const line = (cells: readonly string[]) =>
    widths.map((width, column) => pad(cells[column] ?? "", width, alignments[column]))
      .join("  ").trimEnd();
  return [
    line(header),
    widths.map((width) => "─".repeat(width)).join("  "),
    ...rows.map(line),
  ].map((text) => clip(text, columns));
}

/** `name  value` pairs, the names padded to one width. */
export function pairLines(
  pairs: readonly (readonly [string, string])[],
  { columns = PICTURE_COLUMNS, indent = 2 }: {
    readonly columns?: number;
    readonly indent?: number;
  } = {},
): string[] {
  const width = pairs.reduce((most, [name]) => Math.max(most, name.length), 0);
  return pairs.map(([name, value]) =>
    clip(`${" ".repeat(indent)}${pad(name, width)}  ${value}`.trimEnd(), columns)
  );
}

/**
 * If fewer columns than this are left beside a name, the text for the name is placed below the
 * name.
 */
const LEAST_TEXT_COLUMNS = 40;

/**
 * `name  text` pairs, as {@linkcode pairLines}, with long texts continued below instead of being
 * cut.
 */
export function wrappedPairs(
  pairs: readonly (readonly [string, string])[],
  columns: number,
  indent = 2,
): string[] {
  const room = columns - indent - 2 - LEAST_TEXT_COLUMNS;
  const width = pairs.reduce(
    (most, [{ length }]) => length <= room ? Math.max(most, length) : most,
    0,
  );
  const margin = " ".repeat(indent + width + 2);
  return pairs.flatMap(([name, text]) => {
    const lines = wrapText(text, columns - margin.length);
    const head = wrapText(name, columns - indent).map((line) => `${" ".repeat(indent)}${line}`);
    if (name.length > width) return [...head, ...lines.map((line) => margin + line)];
    const [first, ...rest] = lines;
    return [
      `${pad(head[0]!, margin.length)}${first}`.trimEnd(),
      ...rest.map((line) => margin + line),
    ];
  });
}

/** Keeps both ends of a list that is longer than `longest`; `gap` replaces the omitted part. */
export function endsOf<T>(
  items: readonly T[],
  { longest, first, last }: {
    readonly longest: number;
    readonly first: number;
    readonly last: number;
  },
  gap: (hidden: readonly T[]) => T,
): T[] {
  if (items.length <= longest) return [...items];
  return [...items.slice(0, first), gap(items.slice(first, -last)), ...items.slice(-last)];
}

const lengthOf = ({ length }: string): number => length;

/**
 * Breaks a line that is wider than `columns`. The further lines are indented by two spaces more
 * than the first.
 * @param widthOf The width of a text; other than its length if it contains colours.
 */
export function foldLine(text: string, columns: number, widthOf = lengthOf): string[] {
  if (widthOf(text) <= columns) return [text];
  const { length } = /^ */.exec(text)![0];
  const indent = length + 2 < columns / 2 ? length : 0;
  const margin = " ".repeat(indent + 2);
  return wrapText(text.slice(indent), columns - margin.length, widthOf)
    .map((part, index) => `${index === 0 ? " ".repeat(indent) : margin}${part}`);
}

/**
 * The words of a text, empty ones between two spaces included. Text in backticks is one word, so that a
 * command in it can be copied.
 */
const WORDS = /(?:`[^`]*`|[^ ])+|(?<=^| )(?= |$)/g;

/** Breaks text at spaces into lines of at most `columns`; a longer word is not broken. */
export function wrapText(text: string, columns: number, widthOf = lengthOf): string[] {
  const lines: string[] = [];
  let line = "";
  let width = 0;
  for (const [word] of text.matchAll(WORDS)) {
    const more = widthOf(word);
    if (line !== "" && width + 1 + more > columns) {
      lines.push(line);
      line = word;
      width = more;
    } else {
      width = line === "" ? more : width + 1 + more;
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/**
 * The first sentence of a text: up to the first full stop, exclamation mark or question mark at the
 * end of a sentence. Without such a mark, the whole text.
 */
export function firstSentence(text: string): string {
  return text.match(/^.*?[.!?](?= [A-Z`"]|$)/s)?.[0] ?? text;
}
