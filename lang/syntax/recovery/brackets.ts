/**
 * Gives the parser balanced brackets: what is missing is put in, what is too much is left out, and
 * each such place is reported once. After this pass a broken bracket costs one error, and all
 * blocks around it are still read as blocks.
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
import { continuesAfter, endsValue, matchBrackets } from "./bracket_matcher.ts";
import { shortened } from "../token_text.ts";
import type { DiagnosticReporter } from "../report.ts";
import * as t from "../tokens.ts";

/**
 * Balances the brackets of a file.
 *
 * @param mode In the REPL an open bracket at the end means that more is to come, so neither
 * indentation nor the next line's first word close one.
 * @param endName What the end of the text is called.
 */
export function balanceBrackets(
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  mode: "file" | "repl",
  endName = "end of file",
): readonly IToken[] {
  const { source } = reporter;
  let match = matchBrackets(source, tokens, null);
  if (match.fixes.length === 0) return tokens;
  const { open, close, rows } = match.surplus;
  if (mode === "file" && open + close + rows > 0) {
    match = matchBrackets(source, tokens, match.surplus);
  }
  const fixes = mode === "repl" ? fixesAtTheEnd(match.fixes, tokens) : match.fixes;
  reportFixes(fixes, tokens, reporter, endName);
  return applyFixes(fixes, tokens);
}

/** In the REPL whatever is open ends with the text, not with a line of it. */
function fixesAtTheEnd(
  fixes: readonly BracketFix[],
  tokens: readonly IToken[],
): readonly BracketFix[] {
  const late = fixes.map((fix) => fix.kind === "close" ? { ...fix, at: tokens.length } : fix);
  // `[ ( ]`: to close the `(` at the end would tear the pair apart that stands around it.
  return isBalanced(applyFixes(late, tokens)) ? late : fixes;
}

function reportFixes(
  fixes: readonly BracketFix[],
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  endName: string,
): void {
  const places = new Set<number>();
  let strayLine = 0;
  for (const fix of fixes) {
    const place = endBefore(tokens, fix.at);
    switch (fix.kind) {
      case "close":
        // Several brackets that end at one place are one mistake.
        if (!places.has(place)) reportUnclosed(fix, place, tokens, reporter, endName);
        places.add(place);
        break;
      case "open":
        reportUnopened(fix, place, tokens, reporter);
        break;
      case "drop": {
        const { line } = reporter.source.position(tokens[fix.at]!.startOffset);
        // A line may have thousands, of which one is shown.
        const isFirst = line !== strayLine;
        reportStray(
          fix.at,
          tokens,
          reporter,
          isFirst ? statementBegin(fix.at, tokens, reporter) : undefined,
        );
        strayLine = line;
        break;
      }
      case "replace": {
        const token = tokens[fix.at]!;
        const opener = tokens[fix.opener]!;
        const closer = PARTNERS.get(opener.tokenType)!.LABEL;
        const noun = bracketNoun(opener.tokenType, tokens[fix.opener - 1]);
        const message = `Expected ${closer} to close ${noun}, found \`${token.image}\``;
        reporter.errorOn("E0203", token, message, undefined, {
          label: `expected ${closer} here`,
          related: openedHere(opener, token, reporter),
        });
      }
    }
  }
}

function reportUnclosed(
  fix: BracketFix & { kind: "close" },
  place: number,
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  endName: string,
): void {
  const opener = tokens[fix.opener]!;
  const closer = (PARTNERS.get(opener.tokenType) ?? t.RBrace).LABEL;
  const noun = bracketNoun(opener.tokenType, tokens[fix.opener - 1]);
  const message = `Expected ${closer} to close ${noun}, found ${foundAt(fix.at, tokens, endName)}`;
  const token = t.virtualToken(t.Newline, place);
  reporter.errorOn("E0203", token, message, undefined, {
    label: `expected ${closer} here`,
    related: openedHere(opener, token, reporter),
  });
}

/** What stands where a bracket is missed. */
function foundAt(at: number, tokens: readonly IToken[], endName: string): string {
  const next = tokens[at];
  return t.skipLineEnds(tokens, at) >= tokens.length
    ? endName
    : next!.tokenType === t.Newline
    ? "end of line"
    : `\`${shortened(next!.image)}\``;
}

function reportUnopened(
  { at, closer }: BracketFix & { kind: "open" },
  place: number,
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
): void {
  const found = foundAt(at, tokens, "end of file");
  const opener = openerOf(tokens, closer);
  const noun = closer === null ? openedNoun(at, tokens) : bracketNoun(opener, tokens[at - 1]);
  const close = closer === null ? null : tokens[closer]!;
  const message = `Expected ${opener.LABEL} to begin ${noun}, found ${found}`;
  reporter.error("E0203", place, place, message, {
    label: `expected ${opener.LABEL} here`,
    related: close === null
      ? undefined
      : [noteAt(close, `\`${close.image}\` closes it here`, reporter)],
  });
}

function noteAt(token: IToken, message: string, { source }: DiagnosticReporter): RelatedSpan {
  return { span: { source, start: token.startOffset, end: t.tokenEnd(token) }, message };
}

/** Shows a token when it stands on another line than one behind it. */
function noteAbove(
  token: IToken,
  message: string,
  below: IToken,
  reporter: DiagnosticReporter,
): readonly RelatedSpan[] | undefined {
  const lineOf = ({ startOffset }: IToken) => reporter.source.position(startOffset).line;
  return lineOf(token) === lineOf(below) ? undefined : [noteAt(token, message, reporter)];
}

function openedHere(opener: IToken, place: IToken, reporter: DiagnosticReporter) {
  return noteAbove(opener, `\`${opener.image}\` opened here`, place, reporter);
}

function reportStray(
  at: number,
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  related: readonly RelatedSpan[] | undefined,
): void {
  const token = tokens[at]!;
  const opens = t.OPENERS.has(token.tokenType);
  const message = opens
    ? `This \`${token.image}\` repeats the one before it`
    : `\`${token.image}\` closes nothing`;
  const hint = opens ? "delete one of the two" : "delete it, or add the opening bracket";
  reporter.errorOn("E0204", token, message, hint, { related });
}

/** Tokens that are looked at for the beginning of a statement. */
const MAX_STATEMENT = 300;

/** Shows where a statement of several lines begins: what is missing may be missing there. */
function statementBegin(at: number, tokens: readonly IToken[], reporter: DiagnosticReporter) {
  let depth = 0;
  let begin = at;
  for (let index = at - 1; index >= 0; index--) {
    if (index < at - MAX_STATEMENT) return undefined;
    const token = tokens[index]!;
    if (t.CLOSERS.has(token.tokenType)) depth++;
    else if (t.OPENERS.has(token.tokenType)) {
      if (depth === 0) break;
      depth--;
    } else if (token.tokenType === t.Newline && depth === 0 && !continuesAfter(tokens[index - 1])) {
      break;
    }
    if (token.tokenType !== t.Newline) begin = index;
  }
  return noteAbove(tokens[begin]!, "the statement begins here", tokens[at]!, reporter);
}

/** What a missing `{` would begin, judged by what follows. */
function openedNoun(at: number, tokens: readonly IToken[]): string {
  return tokens[t.skipLineEnds(tokens, at) + 1]?.tokenType === t.Colon ? "the record" : "the block";
}

/** What a bracket encloses, judged by the token before it. */
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
