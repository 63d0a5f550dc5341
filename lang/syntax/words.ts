/**
 * Finds the words that have a meaning in the grammar and are not only names.
 *
 * Soft words can also be names. This pass decides their meaning from the tokens before and after
 * them, before the parser runs, so the parser needs only one token of lookahead. The rules are
 * those of docs/language/text.md.
 */
import type { IToken, TokenType } from "chevrotain";
import { endsValue } from "./recovery/bracket_matcher.ts";
import { shortened } from "./token_text.ts";
import type { DiagnosticReporter } from "./report.ts";
import { keywordsWhere, LANGUAGE_WORDS, type LanguageWord, SOFT_WORDS } from "./language_words.ts";
import type { KeywordSpec } from "./word_row.ts";
import * as t from "./tokens.ts";

const { Hard, Soft } = t;

interface TokenContext {
  readonly tokens: readonly IToken[];
  readonly index: number;
  readonly previous: IToken | undefined;
  readonly next: IToken | undefined;
  /** A statement, or an entry between braces, may begin here. */
  readonly atStart: boolean;
  /** A statement or an entry may begin here, and the previous token is not a `}`. */
  readonly atLineStart: boolean;
  /** Directly inside the braces of a `bench`, where no call is possible. */
  readonly inBench: boolean;
}

type Rule = (place: TokenContext) => boolean;

const beforeBrace: Rule = ({ next }) => next?.tokenType === t.LBrace;

/** `print x`, but not `print = 4`, `print += 1`, `print.x` or `print(x)`. */
const opensStatement: Rule = (place) => isNoName(place) && place.next?.tokenType !== t.LParen;

/** A statement may begin here, and the word is neither assigned to nor followed by `.`. */
const isNoName: Rule = ({ atStart, next }) =>
  atStart && next?.tokenType !== t.Assign && next?.tokenType !== t.PlusAssign &&
  next?.tokenType !== t.Dot;

const opensPrefix: Rule = ({ next }) =>
  next !== undefined && !t.isA(next, t.End) &&
  ![t.Assign, t.PlusAssign, t.Dot, t.Comma, t.RParen, t.RBracket, t.RBrace, t.Colon].includes(
    next.tokenType,
  );

/**
 * For words of a bench, the rules that decide whether a word has its meaning, by the syntax that
 * follows the word. If there is no rule for that syntax, the rule for statements applies.
 */
const BENCH_RULES: { readonly [B in KeywordSpec["behind"]]?: Rule } = {
  "block": (where) => where.atStart && beforeBrace(where),
  "block or count and block": (where) =>
    where.atStart && beforeBrace(where) || where.inBench && isNoName(where),
  "= and value": (where) => where.inBench && where.atStart && where.next?.tokenType === t.Assign,
};

/** The rule that decides whether a soft word has its meaning. It is made from the word's row. */
function ruleOf({ behind, place }: KeywordSpec<LanguageWord>): Rule {
  if (typeof place === "object") {
    if ("before" in place) return ({ next }) => next?.image === place.before;
    const types = [place.after].flat().map((word) => t.WordTypes[word]);
    const isNumbered = behind.startsWith("number");
    return ({ next, previous }) =>
      previous !== undefined && types.includes(previous.tokenType) &&
      (!isNumbered || next?.tokenType === t.NumberToken);
  }
  switch (place) {
    case "statement":
      return opensStatement;
    case "bench":
      return BENCH_RULES[behind] ??
        ((where) => where.inBench ? isNoName(where) : opensStatement(where));
    case "block value":
      return beforeBrace;
    case "prefix":
      return opensPrefix;
    case "clause":
    case "infix":
    case "literal":
      return () => true;
  }
}

const RULES: ReadonlyMap<string, { readonly type: TokenType; readonly rule: Rule }> = new Map(
  SOFT_WORDS.map((word) => {
    const row = LANGUAGE_WORDS[word];
    return [word, { type: t.WordTypes[word], rule: ruleOf(row) }];
  }),
);

/** Soft words that follow a complete value. */
const INFIX_WORDS: ReadonlySet<string> = new Set(
  keywordsWhere(({ place }) => place === "infix" || typeof place === "object" && "before" in place),
);

const VALUE_WORDS = t.typesWhere(({ behind }) => behind === "value and block");

/** Words that continue a statement; at the beginning of a statement they are ordinary names. */
const CLAUSE_WORDS = t.typesWhere(({ class: of, place }) => of === "soft" && place === "clause");

/** Sets the types of words; inserts a placeholder where the value before a `{` is missing. */
export function classifyWords(tokens: readonly IToken[], reporter: DiagnosticReporter): IToken[] {
  const result: IToken[] = [];
  let depth = 0;
  /** The brace depth of the innermost open bench; -1 outside. */
  let benchDepth = -1;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const previous = result.at(-1);
    const next = tokens[index + 1];
    if (
      token.tokenType === t.LBrace && isRecord(tokens, index) && endsValue(previous) &&
      !isCaseWord(result.at(-2))
    ) {
      const end = matchingCloser(tokens, index);
      if (tokens[end + 1]?.tokenType === t.LBrace) {
        reportRecord(next!, reporter);
        index = end;
        continue;
      }
    }
    result.push(token);
    if (next?.tokenType === t.Colon && isWordToken(token)) {
      t.retype(token, t.Label);
    } else if (previous?.tokenType === t.Dot) {
      if (token.tokenType !== t.Identifier && isWordToken(token)) t.retype(token, t.Identifier);
    } else if (token.tokenType === Hard.and) {
      // If the text ends after an `and` that follows a `}`, the block of the `and` may follow in
      // the next line of the REPL.
      const isLast = next === undefined && previous?.tokenType === t.RBrace;
      if (isLast || next?.tokenType === t.LBrace) t.retype(token, t.AndThen);
    } else if (token.tokenType === t.Identifier) {
      const atLineStart = previous === undefined || t.isA(previous, t.End) ||
        previous.tokenType === t.LBrace || previous.tokenType === t.FatArrow;
      const atStart = atLineStart || previous?.tokenType === t.RBrace ||
        previous?.tokenType === Soft.skip || opensRegister(token, previous, next);
      const inBench = benchDepth >= 0 && depth === benchDepth + 1;
      const place = { tokens, index, previous, next, atStart, atLineStart, inBench };
      classify(place, token, reporter);
      if (token.tokenType === Soft.with && copiesRecord(place)) t.retype(token, t.CopyWith);
    }
    if (token.tokenType === t.LBrace) depth++;
    else if (token.tokenType === t.RBrace) depth--;
    else if (token.tokenType === Hard.bench) benchDepth = depth;
    else if (depth === benchDepth && t.isA(token, t.End)) benchDepth = -1;
    if (next?.tokenType === t.LBrace && lacksValue(token, tokens, index + 1)) {
      reportMissing(token, next, reporter);
      result.push(t.virtualToken(t.MissingValue, t.tokenEnd(token)));
    }
  }
  markMessages(result);
  return result;
}

/**
 * Marks the comma of `assert e, "message"`. A comma before `"other" =>` is not marked, because that
 * is the next arm of a `match`.
 */
function markMessages(tokens: readonly IToken[]): void {
  /** For each open bracket, whether it contains an unfinished `assert`. */
  const asserts = [false];
  for (let index = 0; index < tokens.length; index++) {
    const { tokenType } = tokens[index]!;
    if (tokenType === Hard.assert) asserts[asserts.length - 1] = true;
    else if (t.OPENERS.has(tokenType)) asserts.push(false);
    else if (t.CLOSERS.has(tokenType)) asserts.pop();
    else if (t.isA(tokens[index], t.End)) asserts[asserts.length - 1] = false;
    else if (tokenType === t.Comma && asserts.at(-1) && isMessage(tokens[index + 1])) {
      if (tokens[index + 2]?.tokenType !== t.FatArrow) t.retype(tokens[index]!, t.MessageComma);
    }
  }
}

function isMessage(token: IToken | undefined): boolean {
  return token !== undefined && [t.Text, t.UnclosedText, t.ForeignText].includes(token.tokenType);
}

/**
 * Whether an `on` after a comma begins the code of a register. Several entries of a machine may be
 * on one line: `bar = 4KiB, on read 0x10 { … }`.
 */
function opensRegister(
  { image }: IToken,
  previous: IToken | undefined,
  next: IToken | undefined,
): boolean {
  return image === "on" && previous?.tokenType === t.Comma &&
    (next?.image === "read" || next?.image === "write");
}

/**
 * Whether a `with` copies a record, as in `ring with { head: 1 }`. A `with` after a test's name or
 * options does not.
 */
function copiesRecord({ index, next, previous, tokens }: TokenContext): boolean {
  if (next?.tokenType !== t.LBrace || !endsValue(previous) || previous?.tokenType === t.RBrace) {
    return false;
  }
  for (let at = index - 1; at >= 0; at--) {
    const token = tokens[at]!;
    if (isCaseWord(token)) return false;
    if (t.isA(token, t.End) || token.tokenType === t.LBrace || token.tokenType === t.RBrace) {
      return true;
    }
  }
  return true;
}

const CASE_WORDS: ReadonlySet<TokenType> = new Set([Hard.test, Hard.property, Hard.bench]);

function isCaseWord(token: IToken | undefined): boolean {
  return token !== undefined && CASE_WORDS.has(token.tokenType);
}

function isWordToken(token: IToken): boolean {
  return /^[A-Za-z_]\w*$/.test(token.image);
}

function classify(place: TokenContext, token: IToken, reporter: DiagnosticReporter): void {
  const soft = RULES.get(token.image);
  if (soft !== undefined && soft.rule(place)) t.retype(token, soft.type);
  else if (token.image === "repeat" && place.atStart) takeCalledRepeat(place, token, reporter);
  if (place.atLineStart && beginsUnknown(place, token)) t.retype(token, t.UnknownIdentifier);
}

/** Reports `repeat (n) { … }`. Its meaning is clear, so it is parsed as `repeat n { … }`. */
function takeCalledRepeat(place: TokenContext, token: IToken, reporter: DiagnosticReporter): void {
  const { index, next: open, tokens } = place;
  if (open?.tokenType !== t.LParen) return;
  const close = matchingCloser(tokens, index + 1);
  if (tokens[close + 1]?.tokenType !== t.LBrace) return;
  const count = reporter.source.text.slice(t.tokenEnd(open), tokens[close]!.startOffset);
  const hint = `write \`repeat ${shortened(count)} { … }\``;
  reporter.errorOn("E0212", open, "`repeat` takes no parentheses", hint);
  t.retype(token, Soft.repeat);
}

/**
 * Whether a name at the beginning of a line is directly followed by a `{`, a literal or another
 * name.
 */
function beginsUnknown({ next }: TokenContext, token: IToken): boolean {
  if (next === undefined) return false;
  const isPlain = token.tokenType === t.Identifier || CLAUSE_WORDS.has(token.tokenType);
  return isPlain && (next.tokenType === t.LBrace || t.isA(next, t.Literal) ||
    (next.tokenType === t.Identifier && !INFIX_WORDS.has(next.image)));
}

/** Whether a word or an operator lacks its value. The `{` after it then opens a block. */
function lacksValue(token: IToken, tokens: readonly IToken[], open: number): boolean {
  if (isRecord(tokens, open)) return false;
  if (VALUE_WORDS.has(token.tokenType)) return true;
  // After an operator, some braces open no block: `{ }` may be an empty record, and the `{2}` of
  // `iommu.*{2}` is a count in an event pattern.
  const inside = tokens[open + 1]?.tokenType;
  return t.isA(token, t.InfixOperator) && !t.isA(token, t.Assign) && !t.isA(token, t.PlusAssign) &&
    inside !== t.RBrace && inside !== t.NumberToken;
}

/**
 * Whether the `{` at `open` begins a record rather than a block: `{ name: …`, or `{ }` followed by
 * a `{` or a `.`.
 */
function isRecord(tokens: readonly IToken[], open: number): boolean {
  const first = tokens[open + 1];
  if (first?.tokenType === t.RBrace) {
    const behind = tokens[open + 2];
    return behind !== undefined && (behind.tokenType === t.LBrace || behind.tokenType === t.Dot);
  }
  return first !== undefined && isWordToken(first) && tokens[open + 2]?.tokenType === t.Colon;
}

/** The index of the bracket that closes the one at `open`. */
function matchingCloser(tokens: readonly IToken[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const { tokenType } = tokens[at]!;
    if (t.OPENERS.has(tokenType)) depth++;
    else if (t.CLOSERS.has(tokenType) && --depth === 0) return at;
  }
  return tokens.length;
}

/**
 * Reports a record after a complete value. The record was meant as a value, as in `if x == y { a: 1
 * } { … }`.
 */
export function reportRecord(key: IToken, reporter: DiagnosticReporter): void {
  const what = key.tokenType === t.RBrace
    ? "`{ }` may be an empty record"
    : `\`${key.image}:\` belongs to a record`;
  const hint = "after a complete value `{` opens a block: put the record in parentheses, " +
    "or bind it to a name first";
  reporter.errorOn("E0209", key, `${what}, but this \`{\` opens a block`, hint);
}

function reportMissing(token: IToken, brace: IToken, reporter: DiagnosticReporter): void {
  const what = token.tokenType === Soft.repeat
    ? "a count"
    : token.tokenType === Soft.cpu
    ? "a CPU's number"
    : token.tokenType === Soft.read || token.tokenType === Soft.write
    ? "the offset of a register"
    : token.tokenType === Hard.if || token.tokenType === Hard.while
    ? "a condition"
    : "a value";
  const message = `Expected ${what} after \`${token.image}\`, found \`{\``;
  const label = `expected ${what} before this`;
  reporter.errorOn("E0202", brace, message, undefined, { label });
}
