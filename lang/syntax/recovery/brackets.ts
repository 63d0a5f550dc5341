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
import {
  Assign,
  CLOSERS,
  Colon,
  Comma,
  LBracket,
  LParen,
  Newline,
  OPENERS,
  RBrace,
  tokenEnd,
  virtualToken,
} from "../tokens.ts";

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
        reporter.error(
          "E0203",
          token.startOffset,
          tokenEnd(token),
          `Expected ${closer} to close ${
            bracketNoun(opener.tokenType, tokens[fix.opener - 1])
          }, found \`${token.image}\``,
          { label: `expected ${closer} here`, related: openedHere(opener, token, reporter) },
        );
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
  const closer = (PARTNERS.get(opener.tokenType) ?? RBrace).LABEL;
  const found = foundAt(fix.at, tokens, endName);
  reporter.error(
    "E0203",
    place,
    place,
    `Expected ${closer} to close ${
      bracketNoun(opener.tokenType, tokens[fix.opener - 1])
    }, found ${found}`,
    {
      label: `expected ${closer} here`,
      related: openedHere(opener, virtualToken(Newline, place), reporter),
    },
  );
}

/** What stands where a bracket is missed. */
function foundAt(at: number, tokens: readonly IToken[], endName: string): string {
  let rest = at;
  while (tokens[rest]?.tokenType === Newline) rest++;
  const next = tokens[at];
  return rest >= tokens.length
    ? endName
    : next!.tokenType === Newline
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
  reporter.error(
    "E0203",
    place,
    place,
    `Expected ${opener.LABEL} to begin ${noun}, found ${found}`,
    {
      label: `expected ${opener.LABEL} here`,
      related: close === null ? undefined : [{
        span: { source: reporter.source, start: close.startOffset, end: tokenEnd(close) },
        message: `\`${close.image}\` closes it here`,
      }],
    },
  );
}

/** Shows the opening bracket when it stands on another line. */
function openedHere(opener: IToken, place: IToken, { source }: DiagnosticReporter) {
  const from = source.position(opener.startOffset).line;
  if (from === source.position(place.startOffset).line) return undefined;
  const span = { source, start: opener.startOffset, end: tokenEnd(opener) };
  return [{ span, message: `\`${opener.image}\` opened here` }];
}

function reportStray(
  at: number,
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  related: readonly RelatedSpan[] | undefined,
): void {
  const token = tokens[at]!;
  const opens = OPENERS.has(token.tokenType);
  const message = opens
    ? `This \`${token.image}\` repeats the one before it`
    : `\`${token.image}\` closes nothing`;
  reporter.error("E0204", token.startOffset, tokenEnd(token), message, {
    hint: opens ? "delete one of the two" : "delete it, or add the opening bracket",
    related,
  });
}

/** Tokens that are looked at for the beginning of a statement. */
const MAX_STATEMENT = 300;

/** Shows where a statement of several lines begins: what is missing may be missing there. */
function statementBegin(at: number, tokens: readonly IToken[], { source }: DiagnosticReporter) {
  let depth = 0;
  let begin = at;
  for (let index = at - 1; index >= 0; index--) {
    if (index < at - MAX_STATEMENT) return undefined;
    const token = tokens[index]!;
    if (CLOSERS.has(token.tokenType)) depth++;
    else if (OPENERS.has(token.tokenType)) {
      if (depth === 0) break;
      depth--;
    } else if (token.tokenType === Newline && depth === 0 && !continuesAfter(tokens[index - 1])) {
      break;
    }
    if (token.tokenType !== Newline) begin = index;
  }
  const first = tokens[begin]!;
  const line = source.position(first.startOffset).line;
  if (line === source.position(tokens[at]!.startOffset).line) return undefined;
  const span = { source, start: first.startOffset, end: tokenEnd(first) };
  return [{ span, message: "the statement begins here" }];
}

/** What a missing `{` would begin, judged by what follows. */
function openedNoun(at: number, tokens: readonly IToken[]): string {
  let next = at;
  while (tokens[next]?.tokenType === Newline) next++;
  return tokens[next + 1]?.tokenType === Colon ? "the record" : "the block";
}

/** What a bracket encloses, judged by the token before it. */
function bracketNoun(opener: TokenType, previous: IToken | undefined): string {
  switch (opener) {
    case LParen:
      return endsValue(previous) ? "the call" : "the parentheses";
    case LBracket:
      return previous?.image === "events"
        ? "the pattern"
        : endsValue(previous)
        ? "the index"
        : "the list";
    default: {
      const type = previous?.tokenType;
      return type === Assign || type === Colon || type === Comma || type === LParen ||
          type === LBracket
        ? "the record"
        : "the block";
    }
  }
}
