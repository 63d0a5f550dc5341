/**
 * Lines of a screen, fitted to a number of columns. A line consists of pieces of text, each with a
 * role that selects its colour.
 */
import { characterWidth, printable } from "@dmalab/lang/diagnostics";
import type { Paint, TextRole } from "@dmalab/lang/text";

export type StyledPiece = string | readonly [role: TextRole, text: string];

export type StyledLine = readonly StyledPiece[];

export function textOf(piece: StyledPiece): string {
  return printable((typeof piece === "string" ? piece : piece[1]).replaceAll("\t", "  "));
}

/**
 * Cuts a line to exactly `columns`, or fills it with blanks. Visible symbols replace control characters in
 * the line.
 */
export function fitLine(line: StyledLine, columns: number, paint: Paint): string {
  let left = columns;
  let out = "";
  for (const piece of line) {
    const role = typeof piece === "string" ? null : piece[0];
    const { shown, width } = cut(textOf(piece), left);
    left -= width;
    out += role === null ? shown : paint(role, shown);
  }
  return out + " ".repeat(Math.max(0, left));
}

/** The beginning of a text that fits; ends with `…` if something is left out. */
function cut(text: string, columns: number): { readonly shown: string; readonly width: number } {
  let width = 0;
  let end = 0;
  // Position of the `…` in case the text turns out too long.
  let markAt = 0;
  let markWidth = 0;
  for (const character of text) {
    const own = characterWidth(character);
    if (width + own > columns) {
      if (columns <= 0) return { shown: "", width: 0 };
      return { shown: `${text.slice(0, markAt)}…`, width: markWidth + 1 };
    }
    width += own;
    end += character.length;
    if (width < columns) [markAt, markWidth] = [end, width];
  }
  return { shown: text, width };
}
