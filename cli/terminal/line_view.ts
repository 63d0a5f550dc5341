/** Draws an edited input on a terminal: its prompt, its lines, its completions. */
import { characterWidth, printable } from "@dmalab/lang/diagnostics";
import { clip, wrappedPairs } from "@dmalab/lang/text";
import type { Suggestion } from "@dmalab/lang/editor";
import type { LineEditor } from "./line_editor.ts";

/** Rows of text on a screen, and the position of the cursor in them. */
export interface LaidOut {
  readonly rows: readonly string[];
  readonly row: number;
  readonly column: number;
}

/** Largest number of suggestions that are listed with their docs. */
const MAX_WITH_DOCS = 12;

/** The prompt of the second and further lines, as wide as the first line's. */
export function continuationPrompt(prompt: string): string {
  return "...> ".padStart(prompt.length);
}

/** Breaks a text into rows of at most `columns`, each line of the text after its own prompt. */
export function layOut(
  prompt: string,
  text: string,
  cursor: number,
  columns: number,
): LaidOut {
  const rows: string[] = [];
  let at = { row: 0, column: 0 };
  let offset = 0;
  for (const line of text.split("\n")) {
    let row = offset === 0 ? prompt : continuationPrompt(prompt);
    let width = row.length;
    for (const character of [...line, ""]) {
      const own = character === "" ? 1 : characterWidth(character);
      if (width + own > columns) {
        rows.push(row);
        [row, width] = ["", 0];
      }
      if (offset === cursor) at = { row: rows.length, column: width };
      row += printable(character);
      width += character === "" ? 0 : own;
      offset += character.length;
    }
    rows.push(row);
    // The line's end.
    offset++;
  }
  return { rows, ...at };
}

/** Lines that list completions: each with its description; if there are many, only their names. */
export function suggestionLines(
  suggestions: readonly Suggestion[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
): readonly string[] {
  const room = Math.max(1, rows - 2);
  if (suggestions.length <= Math.min(MAX_WITH_DOCS, room)) {
    const pairs = suggestions.map(({ doc, text }) => [text, doc] as const);
    const lines = wrappedPairs(pairs, columns);
    const shown = lines.length <= room
      ? lines
      : suggestions.map(({ doc, text }) => `  ${text}  ${doc}`.trimEnd());
    return shown.map((line) => clip(printable(line), columns));
  }
  const width = Math.max(...suggestions.map(({ text }) => text.length)) + 2;
  const across = Math.max(1, Math.floor(columns / width));
  const lines: string[] = [];
  for (let first = 0; first < suggestions.length; first += across) {
    const names = suggestions.slice(first, first + across).map(({ text }) => text.padEnd(width));
    lines.push(clip(printable(names.join("").trimEnd()), columns));
  }
  if (lines.length <= room) return lines;
  const hidden = suggestions.length - (room - 1) * across;
  return [...lines.slice(0, room - 1), `… and ${hidden} more`];
}

function searchPrompt({ search }: LineEditor, prompt: string): string {
  if (search === null) return prompt;
  return `${search.isFound ? "search back" : "not found"} "${printable(search.query)}": `;
}

/** Draws an input at the cursor, and redraws it in the same place. */
export class LineView {
  /** Row of the cursor in the last drawing. */
  #row = 0;

  constructor(private readonly write: (text: string) => void) {}

  draw(
    editor: LineEditor,
    prompt: string,
    size: { readonly columns: number; readonly rows: number },
  ): void {
    const shown = searchPrompt(editor, prompt);
    const { column, row, rows } = layOut(shown, editor.text, editor.cursor, size.columns);
    const below = suggestionLines(editor.suggestions, size);
    // Shows the rows around the cursor if the input is higher than the screen.
    const first = Math.max(0, Math.min(row, rows.length - size.rows));
    const seen = [...rows.slice(first, first + size.rows), ...below].slice(0, size.rows);
    const up = seen.length - 1 - (row - first);
    this.write(
      `${this.#home()}${seen.join("\r\n")}${up > 0 ? `\x1b[${up}A` : ""}\r` +
        (column > 0 ? `\x1b[${column}C` : ""),
    );
    this.#row = row - first;
  }

  /** Draws the finished input; further output appears below it. */
  finish(editor: LineEditor, prompt: string, columns: number, mark = ""): void {
    const { rows } = layOut(prompt, editor.text, editor.text.length, columns);
    this.write(`${this.#home()}${rows.slice(-MAX_ROWS).join("\r\n")}${mark}\r\n`);
    this.#row = 0;
  }

  /**
   * Called when the cursor is at the beginning of an empty row. After this call, the next drawing
   * begins at this row and overwrites no rows above it.
   */
  forget(): void {
    this.#row = 0;
  }

  #home(): string {
    return `${this.#row > 0 ? `\x1b[${this.#row}A` : ""}\r\x1b[J`;
  }
}

/** Number of rows of a finished input that stay on the screen. */
const MAX_ROWS = 1000;
