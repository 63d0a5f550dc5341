/** Positions in an edited text: where characters, words and lines begin and end. */
import { characterWidth } from "@dmalab/lang/diagnostics";

/** Position after the character at a position, including its combining marks. */
export function after(text: string, at: number): number {
  if (at >= text.length) return text.length;
  let end = at + String.fromCodePoint(text.codePointAt(at)!).length;
  while (end < text.length) {
    const next = String.fromCodePoint(text.codePointAt(end)!);
    if (next === "\n" || characterWidth(next) > 0) break;
    end += next.length;
  }
  return end;
}

/** Start of the character that ends at a position. */
export function before(text: string, at: number): number {
  let start = lineStart(text, Math.max(0, at - 1));
  for (let next = after(text, start); next < at; next = after(text, start)) start = next;
  return Math.max(0, start);
}

/** Start of the word at or before a position. */
export function wordStart(text: string, at: number): number {
  const [word] = text.slice(0, at).match(/\w*\W*$/)!;
  return at - word.length;
}

/** End of the word at or after a position. */
export function wordEnd(text: string, at: number): number {
  return at + text.slice(at).match(/^\W*\w*/)![0].length;
}

/** Start of the line of a position. */
export function lineStart(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

/** End of the line of a position. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** The same column one line above; null on the first line. */
export function above(text: string, at: number): number | null {
  const start = lineStart(text, at);
  if (start === 0) return null;
  return Math.min(lineStart(text, start - 1) + (at - start), start - 1);
}

/** The same column one line below; null on the last line. */
export function below(text: string, at: number): number | null {
  const end = lineEnd(text, at);
  if (end === text.length) return null;
  return Math.min(end + 1 + (at - lineStart(text, at)), lineEnd(text, end + 1));
}
