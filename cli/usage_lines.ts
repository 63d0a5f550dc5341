/** The line of help that says how a command is used, broken between its options and never inside of one. */

const USAGE = "Usage: ";
const INDENT = " ".repeat(USAGE.length);

// deno-lint-ignore no-control-regex
const COLOURS = /\x1b\[[\d;]*m/g;

/**
 * Breaks the usage in a help text anew.
 *
 * @param text With the usage in lines that the framework has broken, colours and all.
 * @param columns How wide it may be; an option that is wider has a line of its own.
 */
export function withUsage(text: string, columns: number): string {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => plain(line).startsWith(USAGE));
  if (first < 0) return text;
  let last = first;
  while (lines[last + 1]?.startsWith(INDENT) === true) last++;
  const whole = lines.slice(first, last + 1).reduce((joined, line) => {
    const isInside = plain(joined).endsWith("[") || plain(line).trim().startsWith("]");
    return `${joined}${isInside ? "" : " "}${line.trim()}`;
  });
  lines.splice(first, last + 1 - first, ...brokenAt(wordsOf(whole), columns));
  return lines.join("\n");
}

/** The words of a usage; what stands in brackets is one. */
function wordsOf(usage: string): readonly string[] {
  const words: string[] = [];
  for (const piece of usage.split(/ +/)) {
    const open = words.at(-1);
    const depth = open === undefined ? 0 : count(open, "[") - count(open, "]");
    if (depth > 0) words[words.length - 1] = `${open} ${piece}`;
    else words.push(piece);
  }
  return words;
}

function brokenAt(words: readonly string[], columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line === undefined) lines.push(word);
    else if (plain(line).length + 1 + plain(word).length <= columns) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else lines.push(`${INDENT}${word}`);
  }
  return lines;
}

function count(text: string, sign: string): number {
  return plain(text).split(sign).length - 1;
}

export function plain(text: string): string {
  return text.replaceAll(COLOURS, "");
}
