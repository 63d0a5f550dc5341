/**
 * The pass after the lexer. It checks every literal and explains syntax of other languages. It
 * returns tokens that the parser accepts, so that the parser does not report the same mistakes
 * again.
 */
import type { IToken, TokenType } from "chevrotain";
import type { LiteralProblem } from "./tree/literals.ts";
import {
  readBytes,
  readNumber,
  readString,
  rightUnit,
  SIZE_UNITS,
  TIME_UNITS,
} from "./tree/literals.ts";
import { keywordsWhere } from "./language_words.ts";
import { byWord } from "./own_entry.ts";
import { shortened } from "./token_text.ts";
import { MAX_REPEATED } from "../diagnostics/clip.ts";
import type { DiagnosticReporter } from "./report.ts";
import * as t from "./tokens.ts";

const { Hard } = t;

/** Token types that replace operators of other languages; `null` drops the operator. */
const OTHER_LANGUAGES_OPERATORS: Readonly<
  Record<string, { readonly type: TokenType | null; readonly hint: string }>
> = {
  "&&": { type: Hard.and, hint: "write `and`" },
  "||": { type: Hard.or, hint: "write `or`" },
  "===": { type: t.EqualEqual, hint: "write `==`" },
  "!==": { type: t.NotEqual, hint: "write `!=`" },
  "<>": { type: t.NotEqual, hint: "write `!=`" },
  "->": {
    type: t.Dot,
    hint: "there are no pointers: write `.` for a field, `=>` for an arm or a lambda",
  },
  ":=": { type: t.Assign, hint: "write `let name = …`, or `name = …` to assign again" },
  "++": { type: null, hint: "write `name += 1`" },
  "--": { type: null, hint: "write `name = name - 1`" },
};

/** Hints for invalid characters; the characters of a row are separated by spaces. */
const CHARACTER_HINTS = byWord([
  ["\u201c \u201d \u2018 \u2019", 'write strings in plain double quotes: `"…"`'],
  ["\u2013 \u2014 \u2212", "write the minus sign as a plain `-`"],
  ["\u2264", "write `<=`"],
  ["\u2265", "write `>=`"],
  ["\u2260", "write `!=`"],
  ["\u2026", "write three plain dots: `...`"],
  ["\u00a0", "this is a no-break space: replace it by a plain one"],
  ["' `", 'write strings in double quotes: `"…"`'],
  ["$", "names are written without a sign before them"],
  ["^", "there is no operator for exclusive or, and none for powers"],
  ["~", "there is no operator for the bitwise complement"],
  ["@", "there are no decorators and no address operator"],
  ["\\", "a line that ends in an operator, a comma or an open bracket continues: leave `\\` out"],
]);

/** Checks the tokens of a file; returns the tokens for the parser. */
export function checkTokens(tokens: readonly IToken[], reporter: DiagnosticReporter): IToken[] {
  const kept: IToken[] = [];
  /** The last unclosed string. */
  let unclosed: IToken | undefined;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    switch (token.tokenType) {
      case t.NumberToken:
        checkNumber(token, reporter);
        if (unitBehindBlank(token, tokens[index + 1], reporter)) index++;
        break;
      case t.Text:
        for (const problem of readString(token.image).problems) report(token, problem, reporter);
        break;
      case t.Bytes: {
        const value = readBytes(token.image);
        if (!(value instanceof Uint8Array)) report(token, value, reporter);
        break;
      }
      case t.UnclosedText:
      case t.UnclosedBytes:
        for (const part of giveBackTail(token, NAMED_BLOCKS.has(kept.at(-1)?.image ?? ""))) {
          kept.push(part);
        }
        if (endsTextOfLineBefore(token, unclosed, reporter)) {
          // The tokens before this quote are the rest of the unclosed string: drop them.
          while (kept.length > 0 && kept.at(-1)!.tokenType !== t.Newline) kept.pop();
        } else reportUnclosed(token, reporter);
        unclosed = token;
        continue;
      case t.ForeignText:
        reportOtherText(token, reporter);
        break;
      case t.ForeignComment:
        reportOtherComment(token, reporter);
        continue;
      case t.ForeignOperator:
        if (!replaceOperator(token, kept.at(-1), reporter)) continue;
        break;
      case t.Unknown:
        reportUnknown(token, reporter);
        continue;
    }
    if (token.image.length > MAX_REPEATED && t.isA(token, t.Name)) reportLongName(token, reporter);
    kept.push(token);
  }
  return kept;
}

/** Reports a name that is too long. Names are limited because messages repeat them. */
function reportLongName(token: IToken, reporter: DiagnosticReporter): void {
  const message = `Name too long: ${token.image.length} characters`;
  reporter.errorOn("E0116", token, message, `a name has at most ${MAX_REPEATED} characters`);
}

function report(token: IToken, problem: LiteralProblem, reporter: DiagnosticReporter): void {
  const at = token.startOffset;
  reporter.error(problem.code, at + problem.start, at + problem.end, problem.message, {
    hint: problem.hint,
  });
}

/** Most numbers are short and plain: they need no further check. */
const PLAIN_NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;

function checkNumber(token: IToken, reporter: DiagnosticReporter): void {
  if (PLAIN_NUMBER.test(token.image)) return;
  const value = readNumber(token.image);
  if (value.kind === "problem") report(token, value.problem, reporter);
}

/** `4 KiB`: reports the space, and changes the token to the whole number with its unit. */
function unitBehindBlank(
  token: IToken,
  next: IToken | undefined,
  reporter: DiagnosticReporter,
): boolean {
  if (next?.tokenType !== t.Identifier || !/^[0-9_]+$/.test(token.image)) return false;
  const word = next.image;
  const right =
    SIZE_UNITS.has(word) || TIME_UNITS.has(word) || /^[KMGT]$|^[KMGTkmgt]i?[bB]$/.test(word)
      ? rightUnit(word)
      : null;
  if (right === null) return false;
  const text = `${token.image}${right}`;
  reporter.error(
    "E0114",
    token.startOffset,
    t.tokenEnd(next),
    `Space between a number and its unit: \`${token.image} ${word}\``,
    { hint: `write \`${text}\``, instead: text },
  );
  token.image = text;
  return true;
}

/** Words that are followed by a name in quotes and a block. */
const NAMED_BLOCKS: ReadonlySet<string> = new Set(
  keywordsWhere(({ behind }) => behind === "text and block"),
);

/**
 * An unclosed string extends to the end of its line. Brackets and commas at the end most likely do
 * not belong to it. The function therefore splits the token: it returns the string without these
 * characters, and tokens for them. A missing quote then leaves no bracket unclosed.
 */
function giveBackTail(token: IToken, isBlockName: boolean): IToken[] {
  const closers = isBlockName ? "{" : ")]},;";
  const all = tailOf(token.image, closers);
  // Closing brackets belong to the string if it contains their opening brackets.
  const inside = token.image.slice(0, token.image.length - all.length);
  const kept = [...closers].filter((closer) =>
    isBlockName || !inside.includes(closer === ")" ? "(" : closer === "]" ? "[" : "{")
  );
  const tail = tailOf(all, kept.join(""));
  if (tail.trim() === "" || tail.length === token.image.length) return [token];
  token.image = token.image.slice(0, -tail.length);
  const offset = t.tokenEnd(token);
  token.endOffset = offset - 1;
  return [token, ...t.tokenize(tail, offset)];
}

/** The longest suffix of a text that consists of spaces and the given characters. */
function tailOf(text: string, characters: string): string {
  let start = text.length;
  while (start > 0 && ` \t${characters}`.includes(text.charAt(start - 1))) start--;
  return text.slice(start);
}

/**
 * Whether a quote was meant to end a string of the previous line. That string was already reported
 * as unclosed.
 */
function endsTextOfLineBefore(
  { image, startOffset }: IToken,
  before: IToken | undefined,
  { source }: DiagnosticReporter,
): boolean {
  return image === '"' && before !== undefined &&
    source.position(startOffset).line - source.position(before.startOffset).line === 1;
}

function reportUnclosed(token: IToken, reporter: DiagnosticReporter): void {
  const [what, hint] = token.tokenType === t.UnclosedBytes
    ? ["Bytes literal", 'a bytes literal is on one line: bytes"de ad be ef"']
    : token.image === '"'
    ? ["String", 'nothing follows this `"`: is the opening quote missing?']
    : ["String", 'a string is on one line; write a quote inside it as `\\"`'];
  reporter.errorOn("E0102", token, `${what} without a closing \`"\``, hint);
}

function reportOtherText(token: IToken, reporter: DiagnosticReporter): void {
  const text = `"${token.image.slice(1, -1).replaceAll('"', '\\"')}"`;
  const message = `Expected a string in double quotes, found ${shortened(token.image)}`;
  reporter.errorOn("E0113", token, message, `write \`${shortened(text)}\``, { instead: text });
}

function reportOtherComment(token: IToken, reporter: DiagnosticReporter): void {
  const mark = token.image.slice(0, 2);
  const unclosed = mark === "/*" && !/\*\/$/.test(token.image.slice(2));
  reporter.error(
    "E0111",
    token.startOffset,
    token.startOffset + 2,
    unclosed
      ? "`/*` does not begin a comment, and the rest of the file has no `*/`"
      : `\`${mark}\` does not begin a comment`,
    {
      hint: "a comment begins with `#` and ends at the end of the line",
      instead: mark === "//" ? "#" : undefined,
    },
  );
}

function replaceOperator(
  token: IToken,
  previous: IToken | undefined,
  reporter: DiagnosticReporter,
): boolean {
  const known = OTHER_LANGUAGES_OPERATORS[token.image];
  const type = known === undefined ? t.Assign : known.type;
  const sign = token.image.slice(0, -1);
  const name = previous?.tokenType === t.Identifier ? shortened(previous.image) : "name";
  const hint = token.image === "->" && previous?.tokenType === t.RParen
    ? "functions declare no return type: write `fn name(n) { … }`"
    : (known?.hint ?? `write \`name = name ${sign} …\``).replaceAll("name", name);
  reporter.errorOn("E0112", token, `\`${token.image}\` is not an operator of this language`, hint, {
    instead: known !== undefined && typeof type?.PATTERN === "string" ? type.PATTERN : undefined,
  });
  if (type === null) return false;
  t.retype(token, type);
  return true;
}

function reportUnknown(token: IToken, reporter: DiagnosticReporter): void {
  const point = token.image.codePointAt(0)!;
  const character = String.fromCodePoint(point);
  const code = `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
  const isLetter = /^\p{Letter}$/u.test(character);
  const shown = /^[\p{Letter}\p{Number}\p{Punctuation}\p{Symbol}]$/u.test(character)
    ? `\`${character}\`${point > 0x7e ? ` (${code})` : ""}`
    : code;
  reporter.error(
    "E0101",
    token.startOffset,
    token.startOffset + character.length,
    `Invalid character: ${shown}`,
    {
      hint: CHARACTER_HINTS[character] ??
        (isLetter
          ? "names consist of the letters A-Z and a-z, digits and `_`"
          : "outside strings and comments only ASCII characters are allowed"),
    },
  );
}
