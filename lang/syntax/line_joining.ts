/**
 * Decides which newlines end a statement.
 *
 * A newline is dropped inside `(` and `[`; after `=`, `+=`, `=>`, `:`, a binary operator or a
 * comma; before a line that begins with `.` and a name; and between a `}` and `else` or `and`.
 * Exception: it is kept if the next line begins with a word that can only begin a statement. The
 * previous line is then incomplete, and the error belongs to that line. Blank lines, newlines next
 * to a brace and newlines at the end have no meaning and are dropped as well.
 */
import type { IToken } from "chevrotain";
import { beginsStatement, continuesAfter } from "./recovery/bracket_matcher.ts";
import { keywordsWhere } from "./language_words.ts";
import { isStatementWord } from "./word_row.ts";
import type { DiagnosticReporter } from "./report.ts";
import * as t from "./tokens.ts";

const { Hard } = t;

/**
 * Soft words that begin a statement if a name or a literal follows. If such a word were a name,
 * neither a name nor a literal could follow it.
 */
const SOFT_STATEMENT_WORDS: ReadonlySet<string> = new Set(
  keywordsWhere((row) => row.class === "soft" && isStatementWord(row)),
);

/**
 * The kind of an open bracket. Newlines are separators only inside braces. A loop head is the
 * parenthesis after `for`, in a loop in the style of C.
 */
type OpenBracket = "braces" | "brackets" | "loop head";

/** The tokens of a file with balanced brackets. Only newlines that end a statement are kept. */
export function joinLines(tokens: readonly IToken[], reporter: DiagnosticReporter): IToken[] {
  const joined: IToken[] = [];
  const open: OpenBracket[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    switch (token.tokenType) {
      case t.Newline: {
        const next = t.skipLineEnds(tokens, index + 1);
        const separates = open.length === 0 || open[open.length - 1] === "braces";
        if (separates && endsStatement(joined.at(-1), tokens, next)) joined.push(token);
        index = next - 1;
        continue;
      }
      case t.Semicolon:
        refuseSemicolon(token, open.at(-1), reporter);
        break;
      case t.LParen:
      case t.LBracket:
        open.push(joined.at(-1)?.tokenType === Hard.for ? "loop head" : "brackets");
        break;
      case t.LBrace:
        open.push("braces");
        break;
      case t.RParen:
      case t.RBracket:
      case t.RBrace:
        open.pop();
        break;
    }
    joined.push(token);
  }
  return joined;
}

/** Inside round and square brackets, reports `;` and reads it as a comma. */
function refuseSemicolon(
  token: IToken,
  open: OpenBracket | undefined,
  reporter: DiagnosticReporter,
): void {
  if (open === undefined || open === "braces") return;
  const hint = open === "loop head" ? "write `for name in 0..n { … }`" : "`;` separates statements";
  reporter.errorOn("E0201", token, "Expected `,` between values in brackets, found `;`", hint);
  t.retype(token, t.Comma);
}

function endsStatement(
  previous: IToken | undefined,
  tokens: readonly IToken[],
  next: number,
): boolean {
  const first = tokens[next];
  const second = tokens[next + 1];
  if (previous === undefined || previous.tokenType === t.LBrace) return false;
  if (first === undefined || first.tokenType === t.RBrace) return false;
  if (first.tokenType === t.Dot && second !== undefined && isWord(second)) return false;
  if (previous.tokenType === t.RBrace) {
    return first.tokenType !== Hard.else && first.tokenType !== Hard.and;
  }
  if (!continuesAfter(previous)) return true;
  return previous.tokenType !== t.FatArrow &&
    (beginsStatement(first, second) || beginsSoftStatement(first, second));
}

/**
 * `depth` is the number of opening brackets of a line minus its closing brackets; `goesOn` is true
 * if its last token requires a continuation.
 */
export function opensMore(line: string): { readonly depth: number; readonly goesOn: boolean } {
  const tokens = t.tokenize(line);
  let depth = 0;
  for (const { tokenType } of tokens) {
    if (t.OPENERS.has(tokenType)) depth++;
    else if (t.CLOSERS.has(tokenType)) depth--;
  }
  return { depth, goesOn: continuesAfter(tokens.at(-1)) };
}

function isWord(token: IToken): boolean {
  return /^[A-Za-z_]/.test(token.image);
}

function beginsSoftStatement(first: IToken, second: IToken | undefined): boolean {
  return first.tokenType === t.Identifier && SOFT_STATEMENT_WORDS.has(first.image) &&
    second !== undefined && second.image !== "as" &&
    (second.tokenType === t.Identifier || t.isA(second, t.Literal));
}
