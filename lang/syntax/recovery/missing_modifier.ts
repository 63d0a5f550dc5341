/**
 * `test "name" { … } { … }`: the word before the options is left out.
 *
 * The grammar would take the options for the test's block and stumble over the block itself, far
 * below. No statement has two pairs of braces in a row, so what is missing is known here: the word
 * is put in, and one error says so at the first `{`.
 */
import type { IToken, TokenType } from "chevrotain";
import type { Reporter } from "../report.ts";
import {
  Assign,
  Colon,
  Dot,
  Hard,
  Identifier,
  isA,
  LBrace,
  LBracket,
  Name,
  Newline,
  RBrace,
  Soft,
  Text,
  tokenEnd,
  virtualToken,
} from "../tokens.ts";

const CASE_WORDS: ReadonlySet<TokenType> = new Set([Hard.test, Hard.property, Hard.bench]);
const WORDS_BEHIND: ReadonlySet<string> = new Set(["with", "matrix", "forall"]);

/** True for a token that may stand behind options: the next ones, or the block. */
export function followsOptions({ tokenType, image }: IToken): boolean {
  return tokenType === LBrace || (tokenType === Identifier && WORDS_BEHIND.has(image));
}

/**
 * Puts `with`, or `matrix`, before options that stand without.
 *
 * @param before The tokens up to a `}` behind which a test goes on; the word is put among them.
 */
export function insertMissingModifier(before: IToken[], reporter: Reporter): void {
  const open = openingBrace(before, before.length - 1);
  if (!beginsOptions(before, open)) return;
  const written = modifierBefore(before, open);
  if (written === null) return;
  const word = written === Soft.with ? "matrix" : "with";
  const brace = before[open]!;
  const value = before.slice(open).find((_, index) => isAssign(before[open + index - 1]));
  reporter.error(
    "E0201",
    brace.startOffset,
    tokenEnd(brace),
    `Expected \`${word}\` before the options, found \`{\``,
    {
      label: `expected \`${word}\` before this`,
      hint: written === undefined && value?.tokenType === LBracket
        ? "`with` sets options, `matrix` runs once for each value of its lists"
        : undefined,
    },
  );
  before.splice(open, 0, virtualToken(Soft[word], tokenEnd(before[open - 1]!)));
}

/** The number of the `{` that a `}` closes, or -1. */
function openingBrace(tokens: readonly IToken[], close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    const { tokenType } = tokens[at]!;
    if (tokenType === RBrace) depth++;
    else if (tokenType === LBrace && --depth === 0) return at;
  }
  return -1;
}

/** True for `{ }`, and for `{ key =` or `{ key.key =` and what follows. */
function beginsOptions(tokens: readonly IToken[], open: number): boolean {
  let at = open + 1;
  while (tokens[at]?.tokenType === Newline) at++;
  if (tokens[at]?.tokenType === RBrace) return true;
  while (isA(tokens[at], Name) && tokens[at + 1]?.tokenType === Dot) at += 2;
  return isA(tokens[at], Name) && isAssign(tokens[at + 1]);
}

function isAssign(token: IToken | undefined): boolean {
  return token?.tokenType === Assign || token?.tokenType === Colon;
}

/**
 * What stands before the `{` of options without a word.
 *
 * @returns The word of the options before them, `undefined` right behind a test's name, and `null`
 *   elsewhere.
 */
function modifierBefore(
  tokens: readonly IToken[],
  open: number,
): TokenType | null | undefined {
  const last = tokens[open - 1]?.tokenType;
  if (last === Text) return isCaseWord(tokens[open - 2]) ? undefined : null;
  if (last !== RBrace) return null;
  const word = tokens[openingBrace(tokens, open - 1) - 1]?.tokenType;
  return word === Soft.with || word === Soft.matrix ? word : null;
}

/** True for `test`, `property` and `bench`. */
export function isCaseWord(token: IToken | undefined): boolean {
  return token !== undefined && CASE_WORDS.has(token.tokenType);
}
