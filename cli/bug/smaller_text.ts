/** Makes a text smaller, as long as something stays true of it: pieces are left out, large ones first. */

/** What stands together: first lines, then words, texts and single characters. */
const PIECES = [/[^\n]*\n?/g, /\s+|[\w.]+|"[^"\n]*"|[^]/g];

/**
 * The smallest text that is found in the time there is.
 *
 * @param stays Whether a text still shows what this one shows.
 * @param mayGoOn Asked before each try.
 */
export function smallerText(
  text: string,
  stays: (text: string) => boolean,
  mayGoOn: () => boolean,
): string {
  return PIECES.reduce((left, piece) => {
    const pieces = (left.match(piece) ?? []).filter((each) => each !== "");
    return withoutBlocks(withoutNeedless(pieces, stays, mayGoOn).join(""), stays, mayGoOn);
  }, text);
}

/** Leaves out blocks with the words before them in their line; or these words and the braces alone. */
function withoutBlocks(
  text: string,
  stays: (text: string) => boolean,
  mayGoOn: () => boolean,
): string {
  let left = text;
  for (let open = left.indexOf("{"); open >= 0 && mayGoOn();) {
    const lineStart = left.lastIndexOf("\n", open) + 1;
    const close = closingBrace(left, open);
    const fewer = ["", left.slice(open + 1, close)]
      .map((inside) => left.slice(0, lineStart) + inside + left.slice(close + 1))
      .find(stays);
    left = fewer ?? left;
    open = left.indexOf("{", fewer === undefined ? open + 1 : lineStart);
  }
  return left;
}

/** Where the brace closes that opens at a place; the end of the text when it does not. */
function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let index = open; index < text.length; index++) {
    if (text[index] === "{") depth++;
    else if (text[index] === "}" && --depth === 0) return index;
  }
  return text.length;
}

/** Leaves out halves, quarters and so on, and at last single pieces, until none of them can go. */
function withoutNeedless(
  pieces: readonly string[],
  stays: (text: string) => boolean,
  mayGoOn: () => boolean,
): readonly string[] {
  let left = pieces;
  for (let length = Math.ceil(left.length / 2); length >= 1;) {
    const before = left.length;
    for (let start = 0; start < left.length;) {
      if (!mayGoOn()) return left;
      const fewer = [...left.slice(0, start), ...left.slice(start + length)];
      if (stays(fewer.join(""))) left = fewer;
      else start += length;
    }
    // With pieces gone, larger ones may go that had to stay.
    if (length === 1 && left.length === before) return left;
    length = length === 1 ? 1 : Math.ceil(length / 2);
  }
  return left;
}
