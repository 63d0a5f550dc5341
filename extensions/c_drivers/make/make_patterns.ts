/** Patterns of make's functions: `%` in lists of words, and `*`, `?`, `[…]` in names of files. */

/** The text that a `%` of a pattern stands for; null if the word does not match. */
export function stemOf(pattern: string, word: string): string | null {
  const at = pattern.indexOf("%");
  if (at < 0) return pattern === word ? "" : null;
  const [before, after] = [pattern.slice(0, at), pattern.slice(at + 1)];
  const matches = word.length >= before.length + after.length && word.startsWith(before) &&
    word.endsWith(after);
  return matches ? word.slice(before.length, word.length - after.length) : null;
}

/** Replaces a word that matches a pattern; another word stays. */
export function patternReplaced(pattern: string, replacement: string, word: string): string {
  const stem = stemOf(pattern, word);
  if (stem === null) return word;
  const at = pattern.includes("%") ? replacement.indexOf("%") : -1;
  return at < 0 ? replacement : replacement.slice(0, at) + stem + replacement.slice(at + 1);
}

export function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

/** Whether a name matches a glob. The time is at most the product of the lengths. */
export function matchesGlob(glob: string, name: string): boolean {
  let [at, star, mark, index] = [0, -1, 0, 0];
  while (index < name.length) {
    const next = signAt(glob, at, name[index]!);
    if (next >= 0) {
      at = next;
      index++;
    } else if (glob[at] === "*") {
      star = at++;
      mark = index;
    } else if (star >= 0) {
      at = star + 1;
      index = ++mark;
    } else return false;
  }
  while (glob[at] === "*") at++;
  return at === glob.length;
}

/** The index after the sign of a glob if that sign matches a character; -1 otherwise. */
function signAt(glob: string, at: number, character: string): number {
  const sign = glob[at];
  if (sign === "?") return at + 1;
  if (sign !== "[") return sign === character && sign !== "*" ? at + 1 : -1;
  const end = glob.indexOf("]", at + 2);
  if (end < 0) return character === "[" ? at + 1 : -1;
  const isNot = glob[at + 1] === "!" || glob[at + 1] === "^";
  const set = glob.slice(at + (isNot ? 2 : 1), end);
  let isIn = false;
  for (let each = 0; each < set.length; each++) {
    if (set[each + 1] === "-" && each + 2 < set.length) {
      isIn ||= set[each]! <= character && character <= set[each + 2]!;
      each += 2;
    } else isIn ||= set[each] === character;
  }
  return isIn !== isNot ? end + 1 : -1;
}
