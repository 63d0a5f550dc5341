/**
 * Says in a sentence what the parser met.
 *
 * The grammar names what it expects (`expectations.ts`); here the sentence is made, and the place is
 * chosen: the end of the line before, when the next line is what does not fit.
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
} from "./expectations.ts";
import type { DiagnosticReporter } from "../report.ts";
import { describeToken } from "../token_text.ts";
import * as t from "../tokens.ts";

const { Hard } = t;

/** Gives Chevrotain the key of the expectation, or the label of the token. */
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

/** Rules that own a pair of braces. */
const BRACE_RULES: ReadonlySet<string> = new Set([
  ...["block", "machineBody", "matchBody", "benchBody", "pathEntries", "record"],
  ...["anyBraces", "eventCount", "invariantStatement"],
]);

/**
 * Turns the errors of the parser into diagnostics.
 *
 * @param tokens What the parser saw.
 * @param endName What the end of the parsed text is called.
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
    // Braces taken for a record or for the entries of `with` may be a block: then each line of it
    // is an error, and the first one says enough.
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

/** For each token the number of the `{` that is open before it, or -1. */
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
    // An `and` without its block is an operator: the mistake is behind it.
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
  const hint = hintFor(expected, token, previous, tokenAfter(token, tokens));
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
 * The operator that ends the line above a token's, when more than a line end lies between: then it
 * has lost its value, and taken the next statement's first word for one.
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

/** The token before one; Chevrotain's own answer is another one after it has skipped some. */
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

/** A token that begins the next line is shown as the end of the line before. */
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
  // Where the line was to end, or an entry to begin, its end is not what is wrong.
  if (behind !== null && expected.mayEnd !== true) {
    const isOnNextLine = source.position(token.startOffset).line > source.position(behind).line;
    if (token.tokenType === t.Newline || isOnNextLine) {
      return { start: behind, end: behind, found: "end of line" };
    }
  }
  return { start: token.startOffset, end: t.tokenEnd(token), found: describeToken(token) };
}

/** `after …`, where a value is due because of the token before. */
function contextOf(expected: Expectation, previous: IToken | undefined): string {
  if (expected !== EXPECTATIONS.value || previous === undefined) return "";
  const type = previous.tokenType;
  const wantsValue = t.isA(previous, t.InfixOperator) || t.isA(previous, t.Comma) ||
    type === t.Assign ||
    type === t.Colon || (/^[a-z]+$/.test(previous.image) && !t.isA(previous, t.Literal));
  return wantsValue ? ` after \`${previous.image}\`` : "";
}
