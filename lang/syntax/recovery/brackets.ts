/**
 * Balances the brackets for the parser: missing brackets are inserted, extra brackets are left out,
 * and each such place is reported once. After this pass a wrong bracket causes only one error, and
 * all blocks around it are still parsed as blocks.
 */
import type { IToken, TokenType } from "chevrotain";
import {
  applyFixes,
  type BracketFix,
  endBefore,
  isBalanced,
  openerOf,
  PARTNERS,
} from "./bracket_fixes.ts";
import type { RelatedSpan } from "../../diagnostics/diagnostic.ts";
import { BracketMatcher, continuesAfter, endsValue } from "./bracket_matcher.ts";
import { shortened } from "../token_text.ts";
import type { DiagnosticReporter } from "../report.ts";
import * as t from "../tokens.ts";

/**
 * Balances the brackets of a file.
 *
 * @param mode In the REPL, an unclosed bracket at the end means that more lines follow. Therefore
 *   neither indentation nor the first word of the next line closes it there.
 * @param endName How messages name the end of the text.
 */
export function balanceBrackets(
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  mode: "file" | "repl",
  endName = "end of file",
): readonly IToken[] {
  const { source } = reporter;
  let match = new BracketMatcher(source, tokens, null).run();
  if (match.fixes.length === 0) return tokens;
  const { open, close, rows } = match.surplus;
  if (mode === "file" && open + close + rows > 0) {
    match = new BracketMatcher(source, tokens, match.surplus).run();
  }
  const fixes = mode === "repl" ? fixesAtTheEnd(match.fixes, tokens) : match.fixes;
  new FixReport(tokens, reporter, endName).report(fixes);
  return applyFixes(fixes, tokens);
}

/**
 * In the REPL, unclosed brackets are closed at the end of the text, and not at the end of a line.
 */
function fixesAtTheEnd(
  fixes: readonly BracketFix[],
  tokens: readonly IToken[],
): readonly BracketFix[] {
  const late = fixes.map((fix) => fix.kind === "close" ? { ...fix, at: tokens.length } : fix);
  // `[ ( ]`: closing the `(` at the end would separate the `[` from its `]`.
  return isBalanced(applyFixes(late, tokens)) ? late : fixes;
}

/** Largest number of tokens that are searched for the beginning of a statement. */
const MAX_STATEMENT = 300;

class FixReport {
  constructor(
    readonly tokens: readonly IToken[],
    readonly reporter: DiagnosticReporter,
    readonly endName: string,
  ) {}

  report(fixes: readonly BracketFix[]): void {
    const { tokens } = this;
    const places = new Set<number>();
    let strayLine = 0;
    for (const fix of fixes) {
      const place = endBefore(tokens, fix.at);
      switch (fix.kind) {
        case "close":
          // Several unclosed brackets that end at one place are reported as one mistake.
          if (!places.has(place)) {
            this.#unclosed(fix.opener, t.virtualToken(t.Newline, place), this.#foundAt(fix.at));
          }
          places.add(place);
          break;
        case "open":
          this.#unopened(fix.at, fix.closer, place);
          break;
        case "drop": {
          const line = this.#lineOf(tokens[fix.at]!);
          // A line may have thousands of extra brackets. Therefore the beginning of the statement
          // is shown only with the first of them.
          this.#stray(fix.at, line !== strayLine ? this.#statementBegin(fix.at) : undefined);
          strayLine = line;
          break;
        }
        case "replace": {
          const token = tokens[fix.at]!;
          this.#unclosed(fix.opener, token, `\`${token.image}\``);
        }
      }
    }
  }

  /**
   * @param place A token where the closing bracket is expected.
   * @param found The text that was found at that place, for the message.
   */
  #unclosed(at: number, place: IToken, found: string): void {
    const opener = this.tokens[at]!;
    // If a block lacks its `{`, the opener is the first word of the block's head.
    const closer = (PARTNERS.get(opener.tokenType) ?? t.RBrace).LABEL;
    const noun = bracketNoun(opener.tokenType, this.tokens[at - 1]);
    const message = `Expected ${closer} to close ${noun}, found ${found}`;
    this.reporter.errorOn("E0203", place, message, undefined, {
      label: `expected ${closer} here`,
      related: this.#noteAbove(opener, `\`${opener.image}\` opened here`, place),
    });
  }

  #unopened(at: number, closer: number | null, place: number): void {
    const { tokens } = this;
    const opener = openerOf(tokens, closer);
    const noun = closer === null ? openedNoun(at, tokens) : bracketNoun(opener, tokens[at - 1]);
    const close = closer === null ? null : tokens[closer]!;
    const message = `Expected ${opener.LABEL} to begin ${noun}, found ${this.#foundAt(at)}`;
    this.reporter.error("E0203", place, place, message, {
      label: `expected ${opener.LABEL} here`,
      related: close === null
        ? undefined
        : [this.#noteAt(close, `\`${close.image}\` closes it here`)],
    });
  }

  #stray(at: number, related: readonly RelatedSpan[] | undefined): void {
    const token = this.tokens[at]!;
    const opens = t.OPENERS.has(token.tokenType);
    const message = opens
      ? `This \`${token.image}\` repeats the one before it`
      : `\`${token.image}\` closes nothing`;
    const hint = opens ? "delete one of the two" : "delete it, or add the opening bracket";
    this.reporter.errorOn("E0204", token, message, hint, { related });
  }

  /** The text of the token at the place of a missing bracket. */
  #foundAt(at: number): string {
    const next = this.tokens[at];
    return t.skipLineEnds(this.tokens, at) >= this.tokens.length
      ? this.endName
      : next!.tokenType === t.Newline
      ? "end of line"
      : `\`${shortened(next!.image)}\``;
  }

  /**
   * A note at the beginning of a statement that has several lines, because the missing bracket may
   * belong there.
   */
  #statementBegin(at: number): readonly RelatedSpan[] | undefined {
    const { tokens } = this;
    let depth = 0;
    let begin = at;
    for (let index = at - 1; index >= 0; index--) {
      if (index < at - MAX_STATEMENT) return undefined;
      const token = tokens[index]!;
      if (t.CLOSERS.has(token.tokenType)) depth++;
      else if (t.OPENERS.has(token.tokenType)) {
        if (depth === 0) break;
        depth--;
      } else if (
        token.tokenType === t.Newline && depth === 0 && !continuesAfter(tokens[index - 1])
      ) {
        break;
      }
      if (token.tokenType !== t.Newline) begin = index;
    }
    return this.#noteAbove(tokens[begin]!, "the statement begins here", tokens[at]!);
  }

  /** A note at a token, if it is on an earlier line than another token. */
  #noteAbove(token: IToken, message: string, below: IToken): readonly RelatedSpan[] | undefined {
    return this.#lineOf(token) === this.#lineOf(below) ? undefined : [this.#noteAt(token, message)];
  }

  #noteAt(token: IToken, message: string): RelatedSpan {
    const { source } = this.reporter;
    return { span: { source, start: token.startOffset, end: t.tokenEnd(token) }, message };
  }

  #lineOf({ startOffset }: IToken): number {
    return this.reporter.source.position(startOffset).line;
  }
}

/**
 * Names what a missing `{` would begin. The next tokens decide whether it is a record or a block.
 */
function openedNoun(at: number, tokens: readonly IToken[]): string {
  return tokens[t.skipLineEnds(tokens, at) + 1]?.tokenType === t.Colon ? "the record" : "the block";
}

/** The name of a bracket's contents, from the token before the bracket. */
function bracketNoun(opener: TokenType, previous: IToken | undefined): string {
  switch (opener) {
    case t.LParen:
      return endsValue(previous) ? "the call" : "the parentheses";
    case t.LBracket:
      return previous?.image === "events"
        ? "the pattern"
        : endsValue(previous)
        ? "the index"
        : "the list";
    default: {
      const type = previous?.tokenType;
      return type === t.Assign || type === t.Colon || type === t.Comma || type === t.LParen ||
          type === t.LBracket
        ? "the record"
        : "the block";
    }
  }
}
