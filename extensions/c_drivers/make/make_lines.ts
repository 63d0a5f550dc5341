/** Splits a makefile into logical lines, as make does before it expands anything. */

/** A logical line: physical lines that a backslash joins count as one. */
export interface MakeLine {
  /** Number of the first physical line, from 1. */
  readonly line: number;
  /** The text without its comment; a recipe line and a line of `define` keep theirs. */
  readonly text: string;
  /** The text as it is written, joined by spaces. */
  readonly raw: string;
  /** Whether the line begins with a tab. After a rule such a line is a part of its recipe. */
  readonly hasTab: boolean;
}

const JOINT = /[ \t]*\\\n[ \t]*/g;

/** The logical lines of a text, without blank lines. */
export function logicalLines(text: string): readonly MakeLine[] {
  const lines: MakeLine[] = [];
  const physical = text.replaceAll("\r\n", "\n").split("\n");
  for (let at = 0; at < physical.length; at++) {
    const first = at;
    while (isContinued(physical[at]!) && at + 1 < physical.length) at++;
    const raw = physical.slice(first, at + 1).join("\n").replace(JOINT, " ");
    const hasTab = raw.startsWith("\t");
    const withoutComment = hasTab ? raw : uncommented(raw);
    lines.push({ line: first + 1, text: withoutComment, raw, hasTab });
  }
  return lines.filter(({ raw }) => raw.trim() !== "");
}

/** Whether a line goes on: it ends with an odd number of backslashes. */
function isContinued(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === "\\") count++;
  return count % 2 === 1;
}

/** The text before the first `#` without a backslash; `\#` becomes `#`. */
function uncommented(text: string): string {
  let made = "";
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === "#") break;
    if (sign === "\\" && text[at + 1] === "#") at++;
    made += text[at];
  }
  return made;
}

/**
 * The end of a reference such as `$(NAME)` or `${NAME}`: the index after its bracket; the text's
 * length if the bracket is never closed.
 * @param open Index of the opening bracket.
 */
export function closingOf(text: string, open: number): number {
  const [begins, ends] = text[open] === "{" ? ["{", "}"] : ["(", ")"];
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === begins) depth++;
    else if (text[at] === ends && --depth === 0) return at + 1;
  }
  return text.length;
}

/** Splits a text at commas that are in no bracket. @param most Largest number of parts. */
export function argumentsOf(text: string, most = Infinity): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === "(" || sign === "{") depth++;
    else if (sign === ")" || sign === "}") depth--;
    else if (sign === "," && depth === 0 && parts.length + 1 < most) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** The words of a text. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/**
 * The words of a shell's command line, without their quotes. Nothing is expanded or run; the output of a
 * program in backticks is taken as empty.
 */
export function shellWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === "`" && quote !== "'") {
      // A program that the compiler's shell would run: taken as if it printed nothing.
      const end = text.indexOf("`", at + 1);
      at = end < 0 ? text.length : end;
    } else if (quote !== "") {
      if (sign === quote) quote = "";
      else if (quote === '"' && sign === "\\" && /["\\$`]/.test(text[at + 1] ?? "")) {
        word += text[++at]!;
      } else word += sign;
    } else if (sign === '"' || sign === "'") {
      quote = sign;
      word ??= "";
    } else if (/\s/.test(sign)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + (sign === "\\" ? text[++at] ?? "" : sign);
  }
  if (word !== null) words.push(word);
  return words;
}

/** An assignment or a rule: the parts of a line around its operator. */
export interface MakeStatement {
  readonly left: string;
  readonly operator: string;
  readonly right: string;
}

const OPERATORS = [":::=", "::=", ":=", "?=", "+=", "!=", "=", "::", ":"] as const;

/** The first operator outside of references; null if the line has none. */
export function statementOf(text: string): MakeStatement | null {
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === "$") {
      if (text[at + 1] === "(" || text[at + 1] === "{") at = closingOf(text, at + 1) - 1;
      else at++;
      continue;
    }
    if (sign !== "=" && sign !== ":" && sign !== "?" && sign !== "+" && sign !== "!") continue;
    const operator = OPERATORS.find((each) => text.startsWith(each, at));
    if (operator === undefined) continue;
    const right = text.slice(at + operator.length);
    return { left: text.slice(0, at).trim(), operator, right: right.replace(/^[ \t]+/, "") };
  }
  return null;
}
