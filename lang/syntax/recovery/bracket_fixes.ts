/** Corrections of unbalanced brackets, and the corrected list of tokens. */
import type { IToken, TokenType } from "chevrotain";
import * as t from "../tokens.ts";

/**
 * One correction. `at`, `opener` and `closer` are indices in the list of tokens before corrections.
 */
export type BracketFix =
  /** A closing bracket is missing before token `at`. */
  | { readonly kind: "close"; readonly at: number; readonly opener: number }
  /**
   * An opening bracket is missing before token `at`: the partner of the bracket `closer`, or a `{`
   * if `closer` is null.
   */
  | { readonly kind: "open"; readonly at: number; readonly closer: number | null }
  /** Token `at` is a closing bracket without a partner, or an opening one that was typed twice. */
  | { readonly kind: "drop"; readonly at: number; readonly opener: number | null }
  /** Token `at` is the wrong closing bracket for the bracket `opener`. */
  | { readonly kind: "replace"; readonly at: number; readonly opener: number };

export const PARTNERS: ReadonlyMap<TokenType, TokenType> = new Map([
  [t.LParen, t.RParen],
  [t.LBracket, t.RBracket],
  [t.LBrace, t.RBrace],
]);

/** Whether every bracket has its partner. */
export function isBalanced(tokens: readonly IToken[]): boolean {
  const open: (TokenType | undefined)[] = [];
  for (const { tokenType } of tokens) {
    if (t.OPENERS.has(tokenType)) open.push(PARTNERS.get(tokenType));
    else if (t.CLOSERS.has(tokenType) && open.pop() !== tokenType) return false;
  }
  return open.length === 0;
}

/** The tokens with missing brackets inserted, wrong ones replaced, and extra ones left out. */
export function applyFixes(fixes: readonly BracketFix[], tokens: readonly IToken[]): IToken[] {
  const before = new Map<number, IToken[]>();
  const dropped = new Set<number>();
  const retyped = new Map<number, TokenType>();
  const insert = (at: number, type: TokenType) => {
    const token = t.virtualToken(type, endBefore(tokens, at));
    const others = before.get(at);
    if (others === undefined) before.set(at, [token]);
    else others.push(token);
  };
  const closerOf = (opener: number) => PARTNERS.get(tokens[opener]!.tokenType) ?? t.RBrace;
  for (const fix of fixes) {
    switch (fix.kind) {
      case "open":
        insert(fix.at, openerOf(tokens, fix.closer));
        break;
      case "close":
        insert(fix.at, closerOf(fix.opener));
        break;
      case "replace":
        retyped.set(fix.at, closerOf(fix.opener));
        break;
      case "drop":
        dropped.add(fix.at);
    }
  }
  const balanced: IToken[] = [];
  for (let index = 0; index <= tokens.length; index++) {
    for (const inserted of before.get(index) ?? []) balanced.push(inserted);
    if (index === tokens.length || dropped.has(index)) continue;
    const token = tokens[index]!;
    const type = retyped.get(index);
    balanced.push(type === undefined ? token : withType(token, type));
  }
  return balanced;
}

/** The opening bracket for the given closing bracket; `{` if no closing bracket is given. */
export function openerOf(tokens: readonly IToken[], closer: number | null): TokenType {
  const type = closer === null ? t.RBrace : tokens[closer]!.tokenType;
  return [...t.OPENERS].find((opener) => PARTNERS.get(opener) === type)!;
}

function withType(token: IToken, type: TokenType): IToken {
  const copy = { ...token };
  t.retype(copy, type);
  return copy;
}

/** The end of the last token before token `at` that is not a newline. */
export function endBefore(tokens: readonly IToken[], at: number): number {
  let index = at - 1;
  while (index >= 0 && tokens[index]!.tokenType === t.Newline) index--;
  return index < 0 ? 0 : t.tokenEnd(tokens[index]!);
}
