/** Statements whose word people follow with a parenthesis, as if it were a function. */
export const CALLED_WORDS: ReadonlySet<string> = new Set(
  ["print", "show", "explain", "step", "wait", "advance", "fail", "break", "continue"],
);
