/** The expression before the dot that a text ends in. */

const CLOSING: Readonly<Record<string, string>> = { ")": "(", "]": "[" };

/** The owner of the member being typed, and what of the member is there; null where none is. */
export function ownerOfMember(text: string): { owner: string; part: string } | null {
  const part = text.match(/\w*$/)![0];
  const dot = text.length - part.length - 1;
  if (text[dot] !== "." || text[dot - 1] === ".") return null;
  const owner = text.slice(valueStart(text, dot), dot);
  return /^\d/.test(owner) ? null : { owner, part };
}

/** Where the names, calls and indices begin that end at an offset. */
function valueStart(text: string, end: number): number {
  let at = end;
  while (at > 0) {
    const letter = text[at - 1]!;
    const opener = CLOSING[letter];
    if (/[\w.]/.test(letter)) at--;
    else if (opener !== undefined) {
      const start = bracketStart(text, at - 1, letter, opener);
      if (start === null) return at;
      at = start;
    } else return at;
  }
  return at;
}

/** The offset of the bracket that one at an offset closes; what stands in strings is skipped. */
function bracketStart(text: string, end: number, closer: string, opener: string): number | null {
  let depth = 0;
  let inText = false;
  for (let at = end; at >= 0; at--) {
    const letter = text[at]!;
    if (letter === '"' && text[at - 1] !== "\\") inText = !inText;
    else if (!inText && letter === closer) depth++;
    else if (!inText && letter === opener && --depth === 0) return at;
  }
  return null;
}
