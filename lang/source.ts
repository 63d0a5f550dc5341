/** Source text, and locations in it. */

/** Initial capacity of the line table, enough for most files. */
const FIRST_LINES = 256;

/** One file of source text, with its line table. Positions are UTF-16 offsets everywhere. */
export class SourceFile {
  /** Offset of the first character of each line. */
  readonly lineStarts: Int32Array;

  /**
   * Makes a source file and its line table.
   *
   * @param name The name in messages; if possible, a path relative to the root.
   * @param text The whole text.
   */
  constructor(readonly name: string, readonly text: string) {
    let starts = new Int32Array(FIRST_LINES);
    let lines = 1;
    for (let offset = 0; offset < text.length; offset++) {
      const code = text.charCodeAt(offset);
      if (code === 10 || (code === 13 && text.charCodeAt(offset + 1) !== 10)) {
        if (lines === starts.length) {
          const longer = new Int32Array(2 * lines);
          longer.set(starts);
          starts = longer;
        }
        starts[lines++] = offset + 1;
      }
    }
    this.lineStarts = starts.slice(0, lines);
  }

  /** Line and column of an offset, both from 1; a tab is one column. */
  position(offset: number): { readonly line: number; readonly column: number } {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.lineStarts[low]! + 1 };
  }

  /** The text of a line (from 1), without its end. */
  line(number: number): string {
    const start = this.lineStarts[number - 1] ?? this.text.length;
    const end = this.lineStarts[number] ?? this.text.length;
    return this.text.slice(start, end).replace(/[\r\n]+$/, "");
  }
}

/** A piece of source text: from `start` up to, not including, `end`. */
export interface Span {
  /** The file that contains the span. */
  readonly source: SourceFile;
  /** Offset of the span's first character. */
  readonly start: number;
  /** Offset behind the span's last character. */
  readonly end: number;
}

/** Whether a span lies within another. */
export function isInside(span: Span, outer: Span): boolean {
  return span.source === outer.source && span.start >= outer.start && span.end <= outer.end;
}

/** The text a span covers. */
export function spanText(span: Span): string {
  return span.source.text.slice(span.start, span.end);
}

/** `file:line:col` of a span's start. */
export function spanPlace(span: Span): string {
  const { line, column } = span.source.position(span.start);
  return `${span.source.name}:${line}:${column}`;
}

/** The span of a statement's first line, which represents the whole statement. */
export function headOf(span: Span): Span {
  const { end, source, start } = span;
  const newline = source.text.indexOf("\n", start);
  return newline < 0 || newline > end ? span : { source, start, end: newline };
}
