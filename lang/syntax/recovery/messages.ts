/**
 * Describes in a sentence what the parser found.
 *
 * The grammar names the expected item (`expectations.ts`). This file makes the sentence and chooses
 * the location. If a token that does not fit is on the next line, the location is the end of the
 * previous line.
 */
import type { IParserErrorMessageProvider, IRecognitionException, IToken } from "chevrotain";
import { continuesAfter } from "./bracket_matcher.ts";
import {
  BEFORE_CLOSER,
  type Expectation,
  type ExpectationKey,
  expectationOf,
  EXPECTATIONS,
  EXPECTED_TOKENS,
  hintFor,
  isReservedName,
  secondOutcomeHint,
} from "./expectations.ts";
import type { DiagnosticReporter } from "../report.ts";
import { describeToken } from "../token_text.ts";
import * as t from "../tokens.ts";

const { Hard } = t;

/** Passes the key of the expectation, or the label of the token, to Chevrotain. */
export const expectedProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage({ expected, ruleName }) {
    const key = expected.name === "EOF"
      ? "endOfStatement"
      : t.CLOSERS.has(expected)
      ? BEFORE_CLOSER[ruleName]
      : EXPECTED_TOKENS.get(expected);
    return key ?? expected.LABEL ?? expected.name;
  },
  buildNotAllInputParsedMessage: () => "endOfStatement" satisfies ExpectationKey,
  buildNoViableAltMessage: ({ customUserDescription }) => customUserDescription ?? "something else",
  buildEarlyExitMessage: ({ customUserDescription }) => customUserDescription ?? "something else",
};

/** Rules with their own pair of braces. */
const BRACE_RULES: ReadonlySet<string> = new Set([
  ...["block", "machineBody", "matchBody", "benchBody", "pathEntries", "record"],
  ...["anyBraces", "eventCount", "invariantStatement"],
]);

/**
 * Turns the errors of the parser into diagnostics.
 *
 * @param tokens The tokens that the parser got.
 * @param endName The name of the end of the parsed text in messages.
 */
export function reportParserErrors(
  errors: readonly IRecognitionException[],
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  endName = "end of file",
): void {
  const reported = new Set<number>();
  let braces: Int32Array | null = null;
  for (const error of errors) {
    // Braces that were parsed as a record or as the entries of `with` may be meant as a block. Each
    // line of such a block is an error, and only the first error is reported.
    const rule = error.context.ruleStack.findLast((name) => BRACE_RULES.has(name));
    if (rule === "record" || rule === "pathEntries") {
      braces ??= enclosingBraces(tokens);
      const brace = braces[tokenIndex(error.token, tokens)] ?? -1;
      if (reported.has(brace)) continue;
      reported.add(brace);
    }
    reportParserError(error, tokens, reporter, endName);
  }
}

/** For each token the index of the innermost `{` around it, or -1. */
function enclosingBraces(tokens: readonly IToken[]): Int32Array {
  const result = new Int32Array(tokens.length);
  const open: number[] = [];
  for (const [index, { tokenType }] of tokens.entries()) {
    result[index] = open.at(-1) ?? -1;
    if (tokenType === t.LBrace) open.push(index);
    else if (tokenType === t.RBrace) open.pop();
  }
  return result;
}

function reportParserError(
  error: IRecognitionException,
  tokens: readonly IToken[],
  reporter: DiagnosticReporter,
  endName: string,
): void {
  let { token } = error;
  let expected = expectationOf(error.message);
  if (expected === EXPECTATIONS.otherBlock && token.tokenType === Hard.and) {
    // An `and` without a block after it is an operator. The error is then at the token after the
    // `and`.
    token = tokenAfter(token, tokens);
    expected = EXPECTATIONS.otherBlockStart;
  }
  let previous = tokenBefore(token, tokens);
  if (expected === EXPECTATIONS.endOfStatement) {
    const dangling = beginsLine(previous) ? null : operatorAbove(token, tokens, reporter);
    if (dangling !== null) {
      [previous, token] = [dangling, tokenAfter(dangling, tokens)];
      expected = EXPECTATIONS.value;
    } else if (beginsLine(previous)) expected = EXPECTATIONS.aStatement;
  }
  const behind = previous === undefined ? null : t.tokenEnd(previous);
  const place = locationOf(expected, token, behind, reporter, endName);
  const before = previous === undefined ? undefined : tokenBefore(previous, tokens);
  const hint = secondOutcomeHint(token, previous, before) ??
    hintFor(expected, token, previous, tokenAfter(token, tokens));
  const reserved = isReservedName(expected, token);
  const sentence = reserved
    ? `\`${token.image}\` is a reserved word and cannot be a name`
    : `Expected ${expected.text}${contextOf(expected, previous)}, found ${place.found}`;
  const code = reserved ? "E0211" : expected.code ?? "E0201";
  reporter.error(code, place.start, place.end, sentence, {
    hint,
    ...(place.start === place.end ? { label: `expected ${expected.text} here` } : {}),
  });
}

/**
 * Looks above a token for the last line with text. Returns the operator at the end of that line, if
 * at least one line in between is empty or has only a comment; otherwise null. Such an operator
 * lacks its value, and the first word of the next statement was read as that value.
 */
function operatorAbove(
  token: IToken,
  tokens: readonly IToken[],
  { source }: DiagnosticReporter,
): IToken | null {
  const lineOf = (offset: number) => source.position(offset).line;
  if (token.tokenType.name === "EOF") return null;
  const line = lineOf(token.startOffset);
  let first = tokenIndex(token, tokens);
  while (first > 0 && lineOf(tokens[first - 1]!.startOffset) === line) first--;
  const above = tokens[first - 1];
  const isOperator = above !== undefined && continuesAfter(above) &&
    line - lineOf(above.startOffset) > 1;
  return isOperator ? above : null;
}

function tokenAfter(token: IToken, tokens: readonly IToken[]): IToken {
  return tokens[tokenIndex(token, tokens) + 1] ?? token;
}

/**
 * The token before another token. Chevrotain's own previous token is a different one after
 * Chevrotain has skipped tokens.
 */
function tokenBefore(token: IToken, tokens: readonly IToken[]): IToken | undefined {
  return tokens[tokenIndex(token, tokens) - 1];
}

function tokenIndex(token: IToken, tokens: readonly IToken[]): number {
  return token.tokenType.name === "EOF" ? tokens.length : token.payload;
}

function beginsLine(previous: IToken | undefined): boolean {
  return previous === undefined || t.isA(previous, t.End) || previous.tokenType === t.LBrace;
}

interface ErrorPlace {
  readonly start: number;
  readonly end: number;
  readonly found: string;
}

/**
 * The location of an error. If the wrong token begins the next line, the location is the end of the
 * previous line.
 */
function locationOf(
  expected: Expectation,
  token: IToken,
  behind: number | null,
  { source }: DiagnosticReporter,
  endName: string,
): ErrorPlace {
  const isEnd = token.tokenType.name === "EOF";
  if (isEnd) {
    const end = behind ?? source.text.length;
    return { start: end, end, found: endName };
  }
  // If the line may end before the expected item, the end of the line is not the mistake.
  if (behind !== null && expected.mayEnd !== true) {
    const isOnNextLine = source.position(token.startOffset).line > source.position(behind).line;
    if (token.tokenType === t.Newline || isOnNextLine) {
      return { start: behind, end: behind, found: "end of line" };
    }
  }
  return { start: token.startOffset, end: t.tokenEnd(token), found: describeToken(token) };
}

/** `after …`, if the previous token requires a value. */
function contextOf(expected: Expectation, previous: IToken | undefined): string {
  if (expected !== EXPECTATIONS.value || previous === undefined) return "";
  const type = previous.tokenType;
  const wantsValue = t.isA(previous, t.InfixOperator) || t.isA(previous, t.Comma) ||
    type === t.Assign ||
    type === t.Colon || (/^[a-z]+$/.test(previous.image) && !t.isA(previous, t.Literal));
  return wantsValue ? ` after \`${previous.image}\`` : "";
}
