/** Output of a run: empty lines between its parts, and lines that are broken at the width of a terminal. */
import { withoutColours } from "@dmalab/lang/diagnostics";
import { clip, foldLine } from "@dmalab/lang/text";
import type { Screen } from "../screen.ts";

/**
 * Writes an empty line before and after the output of each test. The empty lines show where the
 * output begins and ends.
 */
export class SpacedLines {
  #last: "head" | "body" | "verdict" | null = null;
  #bodyBefore = false;
  /** A heading that is not written yet. */
  #head: string | null = null;

  constructor(private readonly screen: Screen) {}

  /** Sets the heading of the next lines; if no line follows, the heading is not printed. */
  head(line: string): void {
    this.#head = line;
  }

  body(line: string): void {
    this.#writeHead();
    if (this.#last === "head" || this.#last === "verdict") this.screen.out("\n");
    this.#bodyBefore = true;
    this.#write("body", line);
  }

  verdict(line: string, below: readonly string[]): void {
    this.#writeHead();
    // A verdict directly follows the output of its test. If the test before this one had output, an
    // empty line follows that test's verdict.
    if (this.#last === "verdict" && this.#bodyBefore) this.screen.out("\n");
    this.#bodyBefore = this.#last === "body";
    this.#write("verdict", line);
    for (const each of foldedLines(below, this.screen.columns)) this.screen.out(`${each}\n`);
  }

  #writeHead(): void {
    const head = this.#head;
    this.#head = null;
    if (head !== null) this.#write("head", head);
  }

  #write(kind: "head" | "body" | "verdict", line: string): void {
    this.#last = kind;
    const lines = kind === "verdict" ? foldedLines([line], this.screen.columns) : [line];
    for (const each of lines) this.screen.out(`${each}\n`);
  }
}

/**
 * A line of source, and the line with its caret. The first group is the gutter. The second group is
 * the text of the source, or the blanks before the caret.
 */
const SOURCE_LINE = /^( *\d+ \| )(.*)$/;
const CARET_LINE = /^( +\| )( *)\^/;

/** Cuts lines of source that are too wide, together with their carets, around the caret. */
function withExcerptsCut(lines: readonly string[], columns: number): string[] {
  const cut = [...lines];
  for (const [index, line] of lines.entries()) {
    const next = withoutColours(lines[index + 1] ?? "");
    const [, gutter, text] = SOURCE_LINE.exec(withoutColours(line)) ?? [];
    const [, indent, before] = CARET_LINE.exec(next) ?? [];
    if (text === undefined || before === undefined) continue;
    const room = columns - gutter!.length;
    if (text.length <= room) continue;
    const from = before.length < room * 3 / 4 ? 0 : before.length - Math.floor(room / 2);
    const shown = from === 0 ? text : `…${text.slice(from + 1)}`;
    cut[index] = clip(`${gutter}${shown}`, columns);
    cut[index + 1] = `${indent}${next.slice(indent!.length + from)}`.slice(0, columns);
  }
  return cut;
}

/** A line below an excerpt or of values: folded, its columns would no longer meet. */
const GUTTER = /^ *\d* \|/;

/**
 * Breaks sentences at spaces, and cuts excerpts of a source around their carets.
 *
 * @param columns Width of the terminal; null without one: the lines stay as they are.
 */
export function foldedLines(lines: readonly string[], columns: number | null): readonly string[] {
  if (columns === null) return lines;
  const widthOf = (text: string) => withoutColours(text).length;
  return withExcerptsCut(lines, columns).flatMap((line) =>
    GUTTER.test(withoutColours(line)) ? [line] : foldLine(line, columns, widthOf)
  );
}
