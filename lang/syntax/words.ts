/**
 * Finds out which words are more than names.
 *
 * Soft words keep their freedom as names because their meaning is settled here, from the tokens
 * left and right of them, before the parser runs: it then needs to look one token ahead only. The
 * rules are those of language.md, "Reserved".
 */
import type { IToken, TokenType } from "chevrotain";
import { endsValue } from "./recovery/bracket_matcher.ts";
import { shortened } from "./token_text.ts";
import type { DiagnosticReporter } from "./report.ts";
import { LANGUAGE_WORDS, type LanguageWord, SOFT_WORDS, wordsWhere } from "./language_words.ts";
import type { WordRow } from "./word_row.ts";
import {
  AndThen,
  Assign,
  CLOSERS,
  Colon,
  Comma,
  CopyWith,
  Dot,
  End,
  FatArrow,
  ForeignText,
  Hard,
  Identifier,
  InfixOperator,
  isA,
  Label,
  LBrace,
  Literal,
  LParen,
  MessageComma,
  MissingValue,
  NumberToken,
  OPENERS,
  PlusAssign,
  RBrace,
  RBracket,
  retype,
  RParen,
  Soft,
  Text,
  tokenEnd,
  typesWhere,
  UnclosedText,
  UnknownIdentifier,
  virtualToken,
  WordTypes,
} from "./tokens.ts";

interface TokenContext {
  readonly tokens: readonly IToken[];
  readonly index: number;
  readonly previous: IToken | undefined;
  readonly next: IToken | undefined;
  /** A statement, or an entry between braces, may begin here. */
  readonly atStart: boolean;
  /** The same, but not right behind a `}`. */
  readonly atLineStart: boolean;
  /** Right inside the braces of a `bench`, where nothing can be called. */
  readonly inBench: boolean;
}

type Rule = (place: TokenContext) => boolean;

const beforeBrace: Rule = ({ next }) => next?.tokenType === LBrace;

/** `print x`, but not `print = 4`, `print += 1`, `print.x` or `print(x)`. */
const opensStatement: Rule = (place) => isNoName(place) && place.next?.tokenType !== LParen;

/** Where a statement begins, and the word can be neither assigned nor asked for something. */
const isNoName: Rule = ({ atStart, next }) =>
  atStart && next?.tokenType !== Assign && next?.tokenType !== PlusAssign &&
  next?.tokenType !== Dot;

const opensPrefix: Rule = ({ next }) =>
  next !== undefined && !isA(next, End) &&
  ![Assign, PlusAssign, Dot, Comma, RParen, RBracket, RBrace, Colon].includes(next.tokenType);

/** When a word of a bench has its meaning, by what is behind it; others like a statement's. */
const BENCH_RULES: { readonly [B in WordRow["behind"]]?: Rule } = {
  "block": (where) => where.atStart && beforeBrace(where),
  "block or count and block": (where) =>
    where.atStart && beforeBrace(where) || where.inBench && isNoName(where),
  "= and value": (where) => where.inBench && where.atStart && where.next?.tokenType === Assign,
};

/** When a soft word has its meaning, by what its row says. */
function ruleOf({ behind, place }: WordRow<LanguageWord>): Rule {
  if (typeof place === "object") {
    if ("before" in place) return ({ next }) => next?.image === place.before;
    const type = WordTypes[place.after];
    return ({ previous }) => previous?.tokenType === type;
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
    return [word, { type: WordTypes[word], rule: ruleOf(row) }];
  }),
);

/** Soft words that follow a complete value. */
const INFIX_WORDS: ReadonlySet<string> = new Set(
  wordsWhere(({ place }) => place === "infix" || typeof place === "object" && "before" in place),
);

const VALUE_WORDS = typesWhere(({ behind }) => behind === "value and block");

/** Words that go on with a statement; where one begins, they are names like any other. */
const CLAUSE_WORDS = typesWhere(({ class: of, place }) => of === "soft" && place === "clause");

/** Gives words their types; puts a stand-in where a condition or a `with` was forgotten. */
export function classifyWords(tokens: readonly IToken[], reporter: DiagnosticReporter): IToken[] {
  const result: IToken[] = [];
  let depth = 0;
  /** How deep in braces the bench stands whose braces are open; -1 outside of any. */
  let benchDepth = -1;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const previous = result.at(-1);
    const next = tokens[index + 1];
    if (
      token.tokenType === LBrace && isRecord(tokens, index) && endsValue(previous) &&
      !isCaseWord(result.at(-2))
    ) {
      const end = matchingBrace(tokens, index);
      if (tokens[end + 1]?.tokenType === LBrace) {
        reportRecord(next!, reporter);
        index = end;
        continue;
      }
    }
    result.push(token);
    if (next?.tokenType === Colon && isWordToken(token)) {
      retype(token, Label);
    } else if (previous?.tokenType === Dot) {
      if (token.tokenType !== Identifier && isWordToken(token)) retype(token, Identifier);
    } else if (token.tokenType === Hard.and) {
      // At the end of a line typed at the REPL the block is still to come.
      const isLast = next === undefined && previous?.tokenType === RBrace;
      if (isLast || next?.tokenType === LBrace) retype(token, AndThen);
    } else if (token.tokenType === Identifier) {
      const atLineStart = previous === undefined || isA(previous, End) ||
        previous.tokenType === LBrace || previous.tokenType === FatArrow;
      const atStart = atLineStart || previous?.tokenType === RBrace ||
        previous?.tokenType === Soft.skip || opensRegister(token, previous, next);
      const inBench = benchDepth >= 0 && depth === benchDepth + 1;
      const place = { tokens, index, previous, next, atStart, atLineStart, inBench };
      classify(place, token, reporter);
      if (token.tokenType === Soft.with && copiesRecord(place)) retype(token, CopyWith);
    }
    if (token.tokenType === LBrace) depth++;
    else if (token.tokenType === RBrace) depth--;
    else if (token.tokenType === Hard.bench) benchDepth = depth;
    else if (depth === benchDepth && isA(token, End)) benchDepth = -1;
    if (next?.tokenType === LBrace && lacksValue(token, tokens, index + 1)) {
      reportMissing(token, next, reporter);
      result.push(virtualToken(MissingValue, tokenEnd(token)));
    }
  }
  markMessages(result);
  return result;
}

/** Marks the comma of `assert e, "message"`; `"other" =>` behind it is the next arm of a `match`. */
function markMessages(tokens: readonly IToken[]): void {
  /** For each open bracket: an `assert` is under way in it. */
  const asserts = [false];
  for (let index = 0; index < tokens.length; index++) {
    const { tokenType } = tokens[index]!;
    if (tokenType === Hard.assert) asserts[asserts.length - 1] = true;
    else if (OPENERS.has(tokenType)) asserts.push(false);
    else if (CLOSERS.has(tokenType)) asserts.pop();
    else if (isA(tokens[index], End)) asserts[asserts.length - 1] = false;
    else if (tokenType === Comma && asserts.at(-1) && isMessage(tokens[index + 1])) {
      if (tokens[index + 2]?.tokenType !== FatArrow) retype(tokens[index]!, MessageComma);
    }
  }
}

function isMessage(token: IToken | undefined): boolean {
  return token !== undefined && [Text, UnclosedText, ForeignText].includes(token.tokenType);
}

/** `bar = 4KiB, on read 0x10 { … }`: entries of a machine may stand on one line. */
function opensRegister(
  { image }: IToken,
  previous: IToken | undefined,
  next: IToken | undefined,
): boolean {
  return image === "on" && previous?.tokenType === Comma &&
    (next?.image === "read" || next?.image === "write");
}

/** `ring with { head: 1 }`, and not the `with` behind a test's name or another of its options. */
function copiesRecord({ index, next, previous, tokens }: TokenContext): boolean {
  if (next?.tokenType !== LBrace || !endsValue(previous) || previous?.tokenType === RBrace) {
    return false;
  }
  for (let at = index - 1; at >= 0; at--) {
    const token = tokens[at]!;
    if (isCaseWord(token)) return false;
    if (isA(token, End) || token.tokenType === LBrace || token.tokenType === RBrace) return true;
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
  if (soft !== undefined && soft.rule(place)) retype(token, soft.type);
  else if (token.image === "repeat" && place.atStart) takeCalledRepeat(place, token, reporter);
  if (place.atLineStart && beginsUnknown(place, token)) retype(token, UnknownIdentifier);
}

/** `repeat (n) { … }` can mean but one thing: it is explained, and read so. */
function takeCalledRepeat(place: TokenContext, token: IToken, reporter: DiagnosticReporter): void {
  const close = parenthesisedHead(place);
  if (close === null) return;
  const open = place.next!;
  const count = reporter.source.text.slice(tokenEnd(open), close.startOffset);
  reporter.error(
    "E0212",
    open.startOffset,
    tokenEnd(open),
    "`repeat` takes no parentheses",
    { hint: `write \`repeat ${shortened(count)} { … }\`` },
  );
  retype(token, Soft.repeat);
}

/** `repeat (n) {`: the parenthesis that closes right before a block. */
function parenthesisedHead({ tokens, index, next }: TokenContext): IToken | null {
  if (next?.tokenType !== LParen) return null;
  let depth = 0;
  for (let at = index + 1; at < tokens.length; at++) {
    const { tokenType } = tokens[at]!;
    if (tokenType === LParen) depth++;
    else if (tokenType === RParen && --depth === 0) {
      return tokens[at + 1]?.tokenType === LBrace ? tokens[at]! : null;
    }
  }
  return null;
}

/** A name at the beginning of a line with another name or a literal right behind it. */
function beginsUnknown({ next }: TokenContext, token: IToken): boolean {
  if (next === undefined) return false;
  const isPlain = token.tokenType === Identifier || CLAUSE_WORDS.has(token.tokenType);
  return isPlain && (next.tokenType === LBrace || isA(next, Literal) ||
    (next.tokenType === Identifier && !INFIX_WORDS.has(next.image)));
}

/** A word or an operator whose value is forgotten: the `{` behind it opens a block. */
function lacksValue(token: IToken, tokens: readonly IToken[], open: number): boolean {
  if (isRecord(tokens, open)) return false;
  if (VALUE_WORDS.has(token.tokenType)) return true;
  // `{ }` may be an empty record, `iommu.*{2}` is a count in an event pattern.
  const inside = tokens[open + 1]?.tokenType;
  return isA(token, InfixOperator) && !isA(token, Assign) && !isA(token, PlusAssign) &&
    inside !== RBrace && inside !== NumberToken;
}

/** True when the `{` at `open` begins a record rather than a block: `{ name: …`, or `{ } ==`. */
function isRecord(tokens: readonly IToken[], open: number): boolean {
  const first = tokens[open + 1];
  if (first?.tokenType === RBrace) {
    const behind = tokens[open + 2];
    return behind !== undefined && (behind.tokenType === LBrace || behind.tokenType === Dot);
  }
  return first !== undefined && isWordToken(first) && tokens[open + 2]?.tokenType === Colon;
}

/** The number of the `}` that closes the `{` at `open`. */
function matchingBrace(tokens: readonly IToken[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const { tokenType } = tokens[at]!;
    if (tokenType === LBrace) depth++;
    else if (tokenType === RBrace && --depth === 0) return at;
  }
  return tokens.length;
}

/** `if x == y { a: 1 } { … }`: the record was meant to be a value. */
export function reportRecord(key: IToken, reporter: DiagnosticReporter): void {
  const what = key.tokenType === RBrace
    ? "`{ }` may be an empty record"
    : `\`${key.image}:\` belongs to a record`;
  reporter.error(
    "E0209",
    key.startOffset,
    tokenEnd(key),
    `${what}, but this \`{\` opens a block`,
    {
      hint: "after a complete value `{` opens a block: put the record in parentheses, " +
        "or bind it to a name first",
    },
  );
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
  reporter.error(
    "E0202",
    brace.startOffset,
    tokenEnd(brace),
    `Expected ${what} after \`${token.image}\`, found \`{\``,
    { label: `expected ${what} before this` },
  );
}
