/**
 * Where a bracket without its partner is likely to be missing, or one too many, by layout.
 *
 * Two brackets of one sort side by side, a line that ends with a bracket and has nothing deeper
 * below, a line that goes on behind a value as if the bracket were closed, a line of closing
 * brackets whose opening ones are not in the line above it that stands as deep.
 */
import type { IToken, TokenType } from "chevrotain";
import type { SourceFile } from "../../source.ts";
import { type BracketFix, PARTNERS } from "./bracket_fixes.ts";
import { endsValue } from "./bracket_matcher.ts";
import {
  CLOSERS,
  Dot,
  InfixOperator,
  isA,
  LBrace,
  Newline,
  NumberToken,
  OPENERS,
  RBrace,
} from "../tokens.ts";

/** A place where the slip may be. */
export interface Guess {
  readonly fix: BracketFix;
  /** The layout speaks for it, even when the text could be read otherwise. */
  readonly isLikely: boolean;
}

/** A line with tokens in it, its end left out. */
export interface Line {
  readonly start: number;
  readonly end: number;
  readonly column: number;
}

/** Where the layout of a declaration looks for its slip, likeliest first. */
export function guessesFor(
  surplus: readonly Surplus[],
  lines: readonly Line[],
  tokens: readonly IToken[],
  fixes: readonly BracketFix[],
): Iterable<Guess> {
  const [first, ...more] = surplus;
  if (first === undefined) return inWrongOrder(lines, tokens);
  if (more.length > 0) return [];
  if (first.count === 1) return unclosed(first.type, lines, tokens, fixes);
  return first.count === -1 ? unopened(first.type, lines, tokens, fixes) : [];
}

/** A sort of bracket that is opened more often than closed, or less often. */
export interface Surplus {
  readonly type: TokenType;
  readonly count: number;
}

export function surplusOf(tokens: readonly IToken[]): Surplus[] {
  const found: Surplus[] = [];
  for (const [opener, closer] of PARTNERS) {
    let count = 0;
    for (const { tokenType } of tokens) {
      if (tokenType === opener) count++;
      else if (tokenType === closer) count--;
    }
    if (count !== 0) found.push({ type: opener, count });
  }
  return found;
}

/** `f[(` with `])` below, or `} {`: two side by side that should stand the other way round. */
function* inWrongOrder(lines: readonly Line[], tokens: readonly IToken[]): Generator<Guess> {
  const pairs = [
    (first: TokenType, second: TokenType) => CLOSERS.has(first) && CLOSERS.has(second),
    (first: TokenType, second: TokenType) => OPENERS.has(first) && OPENERS.has(second),
    (first: TokenType, second: TokenType) => PARTNERS.get(second) === first,
  ];
  for (const isPair of pairs) {
    for (const { start, end } of lines) {
      for (let at = start; at + 1 < end; at++) {
        const [first, second] = [tokens[at]!.tokenType, tokens[at + 1]!.tokenType];
        if (first !== second && isPair(first, second)) {
          yield { fix: { kind: "order", at }, isLikely: true };
        }
      }
    }
  }
}

// -- An opening bracket that nobody closes ---------------------------------------------------------

function* unclosed(
  type: TokenType,
  lines: readonly Line[],
  tokens: readonly IToken[],
  fixes: readonly BracketFix[],
): Generator<Guess> {
  const missed = fixes.find((fix) =>
    fix.kind === "close" && tokens[fix.opener]!.tokenType === type
  );
  const latest = missed?.at ?? fixes[0]!.at;
  for (const at of twice(type, lines, tokens)) {
    yield { fix: { kind: "unclosed", at, latest }, isLikely: true };
  }
  if (type === LBrace) yield* emptyBlocks(lines, tokens);
  if (missed?.kind === "close") yield* closedInLine(missed.opener, latest, lines, tokens);
}

/** `endpoint nic {` with nothing deeper below it: the `}` is missing in that line. */
function* emptyBlocks(lines: readonly Line[], tokens: readonly IToken[]): Generator<Guess> {
  const opensBlock = ({ end }: Line) => tokens[end - 1]!.tokenType === LBrace;
  const next = (index: number) => lines[index + 1];
  // Where no block stands deeper than its head, the layout says nothing.
  const isIndented = lines.some((line, index) =>
    opensBlock(line) && (next(index)?.column ?? 0) > line.column
  );
  if (!isIndented) return;
  for (const [index, line] of lines.entries()) {
    const below = next(index);
    if (!opensBlock(line) || below === undefined || below.column > line.column) continue;
    if (below.column === line.column && tokens[below.start]!.tokenType === RBrace) continue;
    yield { fix: { kind: "close", at: line.end, opener: line.end - 1 }, isLikely: true };
  }
}

/** The places in the opening bracket's own line where it could be closed, last one first. */
function* closedInLine(
  opener: number,
  latest: number,
  lines: readonly Line[],
  tokens: readonly IToken[],
): Generator<Guess> {
  const index = lines.findIndex(({ end }) => opener < end);
  const line = lines[index];
  if (line === undefined || line.end >= latest) return;
  const places: number[] = [];
  let depth = 0;
  for (let at = opener + 1; at <= line.end && depth >= 0; at++) {
    const previous = tokens[at - 1];
    if (depth === 0 && (at === opener + 1 || endsValue(previous))) places.unshift(at);
    if (at < line.end) depth += nesting(tokens[at]!);
  }
  const below = lines[index + 1];
  const guesses = places.map((at) => ({
    fix: { kind: "close" as const, at, opener, latest },
    isLikely: at === line.end
      ? below !== undefined && tokens[below.start]!.tokenType === Dot
      : isA(tokens[at], InfixOperator) ||
        (tokens[at]!.tokenType === Dot && tokens[at - 1]!.tokenType === NumberToken),
  }));
  for (const guess of guesses) if (guess.isLikely) yield guess;
  for (const guess of guesses) if (!guess.isLikely) yield guess;
}

function nesting({ tokenType }: IToken): number {
  return OPENERS.has(tokenType) ? 1 : CLOSERS.has(tokenType) ? -1 : 0;
}

// -- A closing bracket that closes nothing ---------------------------------------------------------

function* unopened(
  type: TokenType,
  lines: readonly Line[],
  tokens: readonly IToken[],
  fixes: readonly BracketFix[],
): Generator<Guess> {
  const heads = [...headsOf(type, lines, tokens)];
  // Of two side by side, where one is found to be, one is too much.
  const broken = lines.filter(({ start, end }) => fixes.some(({ at }) => start <= at && at < end));
  for (const at of twice(PARTNERS.get(type)!, broken, tokens)) {
    yield { fix: { kind: "drop", at: at + 1, opener: null }, isLikely: true };
  }
  yield* openedAbove(type, heads);
}

/** A line that opens fewer brackets than are closed below it. */
interface Head {
  readonly line: Line;
  /** Its first token that is no closing bracket. */
  readonly from: number;
  /** The closing bracket that closes nothing. */
  readonly closer: number;
}

/**
 * A line begins with closing brackets. The line that opened them is the one above it that stands
 * no deeper: when it opens fewer, one is missing there.
 */
function* headsOf(
  type: TokenType,
  lines: readonly Line[],
  tokens: readonly IToken[],
): Generator<Head> {
  for (const [index, line] of lines.entries()) {
    const behind = afterClosers(line, tokens);
    const closers = tokens.slice(line.start, behind);
    const wanted = closers.filter(({ tokenType }) => tokenType === PARTNERS.get(type)).length;
    if (wanted === 0) continue;
    const head = lastNoDeeper(lines, index);
    if (head === undefined) continue;
    const from = afterClosers(head, tokens);
    let opened = 0;
    for (const { tokenType } of tokens.slice(from, head.end)) {
      if (tokenType === type) opened++;
      else if (tokenType === PARTNERS.get(type)) opened--;
    }
    if (opened >= wanted) continue;
    const closer = line.start +
      closers.findLastIndex((token) => token.tokenType === PARTNERS.get(type));
    yield { line: head, from, closer };
  }
}

function* openedAbove(
  type: TokenType,
  heads: readonly Head[],
): Generator<Guess> {
  for (const { line, from, closer } of heads) {
    for (let at = line.end; at >= from; at--) {
      yield { fix: { kind: "open", at, type, closer }, isLikely: true };
    }
  }
}

/** The last line above one that stands no deeper. */
function lastNoDeeper(lines: readonly Line[], index: number): Line | undefined {
  let above = index - 1;
  while (above >= 0 && lines[above]!.column > lines[index]!.column) above--;
  return lines[above];
}

/** The number of the first token of a line that is no closing bracket. */
function afterClosers({ start, end }: Line, tokens: readonly IToken[]): number {
  let at = start;
  while (at < end && CLOSERS.has(tokens[at]!.tokenType)) at++;
  return at;
}

/** Two brackets of one sort side by side: the number of the first. */
function* twice(
  type: TokenType,
  lines: readonly Line[],
  tokens: readonly IToken[],
): Generator<number> {
  for (const { start, end } of lines) {
    for (let at = start; at + 1 < end; at++) {
      if (tokens[at]!.tokenType === type && tokens[at + 1]!.tokenType === type) yield at;
    }
  }
}

/** The lines with tokens in them, their ends left out. */
export function linesOf(source: SourceFile, tokens: readonly IToken[]): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (let at = 0; at <= tokens.length; at++) {
    if (at < tokens.length && tokens[at]!.tokenType !== Newline) continue;
    if (at > start) {
      const { column } = source.position(tokens[start]!.startOffset);
      lines.push({ start, end: at, column });
    }
    start = at + 1;
  }
  return lines;
}
