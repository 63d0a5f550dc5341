/** Whether a blank stands between two words of one line. */
import type { IToken } from "chevrotain";
import * as t from "../syntax/tokens.ts";
import type { GroupKind } from "./groups.ts";

const NO_BLANK_BEFORE: ReadonlySet<unknown> = new Set([t.Comma, t.Colon, t.Dot, t.Range]);
const NO_BLANK_AFTER: ReadonlySet<unknown> = new Set([t.Dot, t.Range, t.Bang]);
const PATTERN_SUFFIXES: ReadonlySet<unknown> = new Set([t.Star, t.Plus, t.Question]);

/** Words that end a value, so that a `-` behind them is an operator between two. */
function endsOperand(token: IToken | undefined): boolean {
  return token !== undefined &&
    (token.tokenType === t.Identifier || t.isA(token, t.Literal) ||
      token.tokenType === t.RParen || token.tokenType === t.RBracket ||
      token.tokenType === t.RBrace);
}

/** True when a token is a `-` before one value rather than between two. */
export function isPrefixMinus(previous: IToken | undefined, token: IToken | undefined): boolean {
  return token?.tokenType === t.Minus && !endsOperand(previous);
}

/**
 * True when a blank stands between two words.
 *
 * @param beforePrevious The word before them, which says what a `-` means.
 * @param group What the second word opens, when it opens something.
 */
export function blankBetween(
  inside: GroupKind,
  beforePrevious: IToken | undefined,
  previous: IToken,
  next: IToken,
  group: GroupKind | null,
): boolean {
  if (inside === "pattern" || inside === "pattern group") {
    if (PATTERN_SUFFIXES.has(next.tokenType) || group === "count") return false;
  }
  if (group === "arguments" || group === "index") return false;
  if (NO_BLANK_BEFORE.has(next.tokenType)) return false;
  if (NO_BLANK_AFTER.has(previous.tokenType)) return false;
  if (isPrefixMinus(beforePrevious, previous)) {
    // Two of them together would be another language's operator.
    return next.tokenType === t.Minus;
  }
  return true;
}
