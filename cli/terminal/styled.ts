/** Lines of a screen: pieces of text, each with what it is, fitted to the columns they are given. */
import { characterWidth, printable } from "@dmalab/lang/diagnostics";
import type { Paint, TextRole } from "@dmalab/lang/text";

export type StyledPiece = string | readonly [role: TextRole, text: string];

export type StyledLine = readonly StyledPiece[];

export function textOf(piece: StyledPiece): string {
  return printable((typeof piece === "string" ? piece : piece[1]).replaceAll("\t", "  "));
}

/** A line of exactly so many columns: cut, or filled with blanks; nothing in it can command a terminal. */
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

/** As much of a text as fits; `…` where something is left out. */
function cut(text: string, columns: number): { readonly shown: string; readonly width: number } {
  let width = 0;
  let end = 0;
  // Where the mark goes if the text turns out too long.
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
