/**
 * Decides which ends of lines are ends of statements.
 *
 * A newline is dropped inside `(` and `[`, after `=`, `+=`, `=>`, `:`, a binary operator or a
 * comma, before a line that begins with `.` and a name, and between a `}` and `else` or `and`. It
 * is kept nevertheless when the next line begins with a word that can only begin a statement: then
 * the line before is broken, and the error belongs there. Blank lines, newlines next to a brace and
 * newlines at the end say nothing and are dropped as well.
 */
import type { IToken } from "chevrotain";
import { beginsStatement, continuesAfter } from "./recovery/bracket_matcher.ts";
import { wordsWhere } from "./language_words.ts";
import { isStatementWord } from "./word_row.ts";
import type { DiagnosticReporter } from "./report.ts";
import {
  CLOSERS,
  Comma,
  Dot,
  FatArrow,
  Hard,
  Identifier,
  isA,
  LBrace,
  LBracket,
  Literal,
  LParen,
  Newline,
  OPENERS,
  RBrace,
  RBracket,
  retype,
  RParen,
  Semicolon,
  tokenEnd,
  tokenize,
} from "./tokens.ts";

/** Soft words that begin a statement where no name could be followed by a name or a literal. */
const SOFT_STATEMENT_WORDS: ReadonlySet<string> = new Set(
  wordsWhere((row) => row.class === "soft" && isStatementWord(row)),
);

/** Newlines separate between braces only; `for (` is the head of a loop in C. */
type OpenBracket = "braces" | "brackets" | "loop head";

/** The tokens of a file, brackets balanced, without the newlines that end nothing. */
export function joinLines(tokens: readonly IToken[], reporter: DiagnosticReporter): IToken[] {
  const joined: IToken[] = [];
  const open: OpenBracket[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    switch (token.tokenType) {
      case Newline: {
        let next = index + 1;
        while (tokens[next]?.tokenType === Newline) next++;
        const separates = open.length === 0 || open[open.length - 1] === "braces";
        if (separates && endsStatement(joined.at(-1), tokens, next)) joined.push(token);
        index = next - 1;
        continue;
      }
      case Semicolon:
        refuseSemicolon(token, open.at(-1), reporter);
        break;
      case LParen:
      case LBracket:
        open.push(joined.at(-1)?.tokenType === Hard.for ? "loop head" : "brackets");
        break;
      case LBrace:
        open.push("braces");
        break;
      case RParen:
      case RBracket:
      case RBrace:
        open.pop();
        break;
    }
    joined.push(token);
  }
  return joined;
}

/** Between round and square brackets `;` is read as the comma it should be. */
function refuseSemicolon(
  token: IToken,
  open: OpenBracket | undefined,
  reporter: DiagnosticReporter,
): void {
  if (open === undefined || open === "braces") return;
  reporter.error(
    "E0201",
    token.startOffset,
    tokenEnd(token),
    "Expected `,` between values in brackets, found `;`",
    { hint: open === "loop head" ? "write `for name in 0..n { … }`" : "`;` separates statements" },
  );
  retype(token, Comma);
}

function endsStatement(
  previous: IToken | undefined,
  tokens: readonly IToken[],
  next: number,
): boolean {
  const first = tokens[next];
  const second = tokens[next + 1];
  if (previous === undefined || previous.tokenType === LBrace) return false;
  if (first === undefined || first.tokenType === RBrace) return false;
  if (first.tokenType === Dot && second !== undefined && isWord(second)) return false;
  if (previous.tokenType === RBrace) {
    return first.tokenType !== Hard.else && first.tokenType !== Hard.and;
  }
  if (!continuesAfter(previous)) return true;
  return previous.tokenType !== FatArrow &&
    (beginsStatement(first, second) || beginsSoftStatement(first, second));
}

/** How many more brackets a line opens than it closes, and whether it ends where a value is due. */
export function opensMore(line: string): { readonly depth: number; readonly goesOn: boolean } {
  const tokens = tokenize(line);
  let depth = 0;
  for (const { tokenType } of tokens) {
    if (OPENERS.has(tokenType)) depth++;
    else if (CLOSERS.has(tokenType)) depth--;
  }
  return { depth, goesOn: continuesAfter(tokens.at(-1)) };
}

function isWord(token: IToken): boolean {
  return /^[A-Za-z_]/.test(token.image);
}

function beginsSoftStatement(first: IToken, second: IToken | undefined): boolean {
  return first.tokenType === Identifier && SOFT_STATEMENT_WORDS.has(first.image) &&
    second !== undefined && second.image !== "as" &&
    (second.tokenType === Identifier || isA(second, Literal));
}
