/**
 * Token types and the lexer.
 *
 * The lexer recognises only the hard words. It makes the soft words (`print`, `trace`, `try` …)
 * identifiers; `words.ts`, which knows the adjacent tokens, gives them their own types. A soft word
 * is still a `Name`, so it can be a name wherever it has no special meaning.
 *
 * Order matters: the first pattern that matches wins. A keyword gives way to a longer identifier;
 * longer operators precede shorter ones. A catch-all matches every other character, so lexing
 * itself never fails.
 */
import type { IToken, TokenType } from "chevrotain";
import { LEFT_OUT, PatternLexer } from "./lexer.ts";
import {
  HARD_WORDS,
  type HardWord,
  keywordsWhere,
  LANGUAGE_WORDS,
  type LanguageWord,
  SOFT_WORDS,
  type SoftWord,
} from "./language_words.ts";
import type { KeywordSpec, WordFamily } from "./word_row.ts";

/** The characters from one to another, both included. */
function characters(from: string, to: string): string[] {
  const first = from.charCodeAt(0);
  const count = to.charCodeAt(0) - first + 1;
  return Array.from({ length: count }, (_, index) => String.fromCharCode(first + index));
}

/** Every token type in the grammar, in the order of this file. */
export const VOCABULARY: TokenType[] = [];

interface OwnTokenType extends TokenType {
  /** All types of a token of this type: the type itself, its categories, and their categories. */
  readonly kinds: Set<TokenType>;
}

/**
 * @param pattern A string or a sticky expression; null for types that the lexer does not produce.
 * @param categories The categories of the type. They have to be made before the type.
 */
function tokenType(
  name: string,
  label: string,
  pattern: string | RegExp | null,
  categories: TokenType[],
  more: Omit<Partial<TokenType>, "PATTERN"> = {},
): TokenType {
  const type: OwnTokenType = {
    name,
    LABEL: label,
    CATEGORIES: categories,
    kinds: new Set(),
    ...pattern === null ? {} : { PATTERN: pattern },
    ...more,
  };
  type.kinds.add(type);
  for (const kind of categories.flatMap((category) => [...kindsOf(category)])) type.kinds.add(kind);
  VOCABULARY.push(type);
  return type;
}

/**
 * The types of a token of type `type`: the type itself, its categories, and the categories of these
 * categories.
 */
export function kindsOf(type: TokenType): ReadonlySet<TokenType> {
  return (type as OwnTokenType).kinds;
}

function category(name: string, label: string, ...categories: TokenType[]): TokenType {
  return tokenType(name, label, null, categories);
}

/** All tokens inside a line: neither braces nor the end of a statement. */
export const Inline = category("Inline", "anything");
/** The code after `fails` and similar words: a word, or the number of a status. */
export const OutcomeCode = category("OutcomeCode", "a name", Inline);
export const Name = category("Name", "a name", Inline, OutcomeCode);
export const Literal = category("Literal", "a value", Inline);
export const InfixOperator = category("InfixOperator", "an operator", Inline);
export const PrefixOperator = category("PrefixOperator", "an operator", Inline);
/** Operators that are only possible between two values. */
export const LeadingOperator = category("LeadingOperator", "an operator", InfixOperator);
/** Ends an entry of a machine, record or match. */
export const Separator = category("Separator", "`,` or a new line");
/** Ends a statement. */
export const End = category("End", "end of line", Separator);
export const OutputVerb = category("OutputVerb", "`print`", Name);
export const BranchingWord = category("BranchingWord", "`fork`", Name);
export const RemovalWord = category("RemovalWord", "`remove`", Name);
export const OutcomeVerb = category("OutcomeVerb", "`fails`", Name);
export const OutcomeNoun = category("OutcomeNoun", "`error`, `fault` or `warning`", Name);
/** A word that begins a line but cannot begin a statement. */
export const UnknownWord = category("UnknownWord", "a name", Name);

/** @param starts The characters with which the pattern can begin, within Latin-1. */
function token(
  name: string,
  pattern: RegExp | string,
  label: string,
  categories: TokenType[] = [Inline],
  starts: readonly string[] = [],
  lineBreaks = false,
): TokenType {
  return tokenType(name, label, pattern, categories, {
    LINE_BREAKS: lineBreaks,
    ...starts.length === 0 ? {} : { START_CHARS_HINT: [...starts] },
  });
}

export const Newline = token("Newline", /\r\n?|\n/y, "end of line", [End], ["\r", "\n"], true);
tokenType("Blank", "blanks", /[ \t\f\v\ufeff]+/y, [], {
  START_CHARS_HINT: [..." \t\f\v\ufeff"],
  GROUP: LEFT_OUT,
  LINE_BREAKS: false,
});
tokenType("Comment", "a comment", /#[^\r\n]*/y, [], {
  START_CHARS_HINT: ["#"],
  GROUP: LEFT_OUT,
});

export const Bytes = token("Bytes", /bytes"[^"\r\n]*"/y, "bytes", [Literal], ["b"]);
export const UnclosedBytes = token("UnclosedBytes", /bytes"[^"\r\n]*/y, "bytes", [Literal], ["b"]);
export const Identifier = tokenType("Identifier", "a name", /[A-Za-z_][A-Za-z0-9_]*/y, [Name], {
  START_CHARS_HINT: [...characters("A", "Z"), ...characters("a", "z"), "_"],
});

const FAMILIES: Readonly<Record<WordFamily, TokenType>> = {
  "output verb": OutputVerb,
  "branching": BranchingWord,
  "outcome noun": OutcomeNoun,
  "outcome verb": OutcomeVerb,
  "removal": RemovalWord,
};

/** The categories of a word in the grammar. */
function categoriesOf(word: LanguageWord): TokenType[] {
  const { class: of, family, place } = LANGUAGE_WORDS[word];
  if (family !== undefined) return [FAMILIES[family]];
  const isHard = of === "hard";
  if (place === "literal") return [Literal];
  if (place === "prefix") return isHard ? [PrefixOperator] : [Name, PrefixOperator];
  if (place === "infix" && isHard) return [LeadingOperator];
  if (place === "bench") return [UnknownWord];
  return [isHard ? Inline : Name];
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function wordTypes<W extends LanguageWord>(
  words: readonly W[],
  patternOf: (word: W) => string | null,
  more: { readonly LONGER_ALT?: TokenType } = {},
): Readonly<Record<W, TokenType>> {
  const make = (word: W) =>
    tokenType(capitalized(word), `\`${word}\``, patternOf(word), categoriesOf(word), more);
  return Object.fromEntries(words.map((word) => [word, make(word)])) as Record<W, TokenType>;
}

export const Hard: Readonly<Record<HardWord, TokenType>> = wordTypes(
  HARD_WORDS,
  (word) => word,
  { LONGER_ALT: Identifier },
);

/** Token types of the soft words; `words.ts` gives them to identifiers. */
export const Soft: Readonly<Record<SoftWord, TokenType>> = wordTypes(
  SOFT_WORDS,
  () => null,
);

export const WordTypes: Readonly<Record<LanguageWord, TokenType>> = { ...Hard, ...Soft };

/** The token types of all words with a row that `isAsked` selects. */
export function typesWhere(isAsked: (row: KeywordSpec) => boolean): ReadonlySet<TokenType> {
  return new Set(keywordsWhere(isAsked).map((word) => WordTypes[word]));
}

/** A word before `:`: the name of an argument, a record's key, an event's field. */
export const Label = category("Label", "a name", Name);
/** The `and` between two blocks. */
export const AndThen = category("AndThen", "`and`", Inline);
/** The `with` after a record, which makes a copy of the record. */
export const CopyWith = category("CopyWith", "`with`", Inline);
/** An identifier that begins a line in the place of a statement's keyword. */
export const UnknownIdentifier = category("UnknownIdentifier", "a name", UnknownWord);
/** A placeholder for a missing value, which has already been reported. */
export const MissingValue = category("MissingValue", "a value", Literal);

/** Anything that begins like a number: `literals.ts` decides whether it is valid. */
export const NumberToken = token(
  "Number",
  /[0-9][0-9A-Za-z_\u00b5\u03bc]*(?:\.[0-9][0-9A-Za-z_]*)?/y,
  "a number",
  [Literal, OutcomeCode],
  characters("0", "9"),
);
export const Text = token(
  "Text",
  /"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"/y,
  "a string",
  [Literal],
  [
    '"',
  ],
);
export const UnclosedText = token("UnclosedText", /"[^\r\n]*/y, "a string", [Literal], ['"']);

export const ForeignComment = token(
  "ForeignComment",
  /\/\/[^\r\n]*|\/\*[\s\S]*?\*\/|\/\*[\s\S]*/y,
  "a comment",
  [Inline],
  ["/"],
  true,
);
/**
 * Operators of other languages. `lexical.ts` explains each and replaces it with one of this
 * language.
 */
export const ForeignOperator = token(
  "ForeignOperator",
  /&&|\|\||===|!==|<>|->|:=|\+\+|--(?![ \t]*[^ \t;)}\r\n#])|<<=|>>=|[-*\/%&|^]=(?!=)/y,
  "an operator",
  [Inline],
  [..."&|=!<>-:+*/%^"],
);

export const Gap = token("Gap", "...", "`...`");
export const Range = token("Range", /\.\.=?/y, "`..`", [LeadingOperator], ["."]);
export const FatArrow = token("FatArrow", "=>", "`=>`");
export const EqualEqual = token("EqualEqual", "==", "`==`", [LeadingOperator]);
export const NotEqual = token("NotEqual", "!=", "`!=`", [LeadingOperator]);
export const PlusAssign = token("PlusAssign", "+=", "`+=`", [LeadingOperator]);
/** Operators that share a token type, because only their precedences differ. */
export const OtherOperator = token(
  "OtherOperator",
  /<<|>>|<=|>=|<|>|\/|%/y,
  "an operator",
  [LeadingOperator],
  [..."<>/%"],
);
export const LParen = token("LParen", "(", "`(`");
export const RParen = token("RParen", ")", "`)`");
export const LBracket = token("LBracket", "[", "`[`");
export const RBracket = token("RBracket", "]", "`]`");
export const LBrace = token("LBrace", "{", "`{`", []);
export const RBrace = token("RBrace", "}", "`}`", []);
export const OPENERS: ReadonlySet<TokenType> = new Set([LParen, LBracket, LBrace]);
export const CLOSERS: ReadonlySet<TokenType> = new Set([RParen, RBracket, RBrace]);
export const Semicolon = token("Semicolon", ";", "`;`", [End]);
export const Comma = token("Comma", ",", "`,`", [Separator, Inline]);
/** The comma between the condition of an `assert` and its message. */
export const MessageComma = category("MessageComma", "`,`", Comma);
export const Colon = token("Colon", ":", "`:`");
export const Dot = token("Dot", ".", "`.`");
export const Assign = token("Assign", "=", "`=`", [LeadingOperator]);
export const Pipe = token("Pipe", "|", "`|`", [LeadingOperator]);
export const Plus = token("Plus", "+", "`+`", [LeadingOperator]);
export const Minus = token("Minus", "-", "`-`", [InfixOperator, PrefixOperator]);
export const Star = token("Star", "*", "`*`", [InfixOperator, PrefixOperator]);
export const Ampersand = token("Ampersand", "&", "`&`", [InfixOperator, PrefixOperator]);
export const Bang = token("Bang", "!", "`!`", [PrefixOperator]);
export const Question = token("Question", "?", "`?`");

export const ForeignText = token("ForeignText", /'[^'\r\n]*'|`[^`\r\n]*`/y, "a string", [Literal], [
  "'",
  "`",
]);
/** Characters with which no token begins. */
// deno-lint-ignore no-control-regex
const UNKNOWN = /[\x00-\x08\x0e-\x1f\x7f]+|[\x80-\ufefe\uff00-\uffff]+|[$@\\^'`~]/y;
export const Unknown = token("Unknown", UNKNOWN, "a character", [Inline], [
  ...characters("\x00", "\x1f"),
  ...characters("\x7f", "\xff"),
  ..."$@\\^'`~",
]);

/**
 * The token types in the order in which the lexer tries them. A keyword comes before the name type,
 * which would also match it.
 */
export const LEXED: TokenType[] = [
  ...[...HARD_WORDS].sort((a, b) => b.length - a.length).map((word) => Hard[word]),
  ...VOCABULARY.filter(({ LONGER_ALT, PATTERN }) => PATTERN !== undefined && !LONGER_ALT),
];

const lexer = new PatternLexer(LEXED);

/**
 * The tokens of a text. Newlines are tokens; spaces and comments are not. Never fails.
 *
 * @param offset The offset of the text in its file.
 */
export function tokenize(text: string, offset = 0): IToken[] {
  return lexer.tokenize(text, offset);
}

export function retype(token: IToken, type: TokenType): void {
  token.tokenType = type;
}

/** Sets the token type numbers for Chevrotain's parser, and the index of each token. */
export function numberTokens(tokens: readonly IToken[]): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    token.tokenTypeIdx = token.tokenType.tokenTypeIdx!;
    token.payload = index;
  }
}

/** A token without any text. */
export function virtualToken(type: TokenType, offset: number): IToken {
  return {
    image: "",
    startOffset: offset,
    endOffset: offset - 1,
    tokenType: type,
    tokenTypeIdx: 0,
    payload: 0,
  };
}

/** The index of the first token from `at` on that is not a newline. */
export function skipLineEnds(tokens: readonly IToken[], at: number): number {
  let next = at;
  while (tokens[next]?.tokenType === Newline) next++;
  return next;
}

/** Offset just behind a token. */
export function tokenEnd(token: IToken): number {
  return token.startOffset + token.image.length;
}

/** Whether a token is of a type, or of a type that has this type as a category. */
export function isA(token: IToken | undefined, type: TokenType): boolean {
  return token !== undefined &&
    // The end token is Chevrotain's own, and has no categories.
    (token.tokenType === type ||
      (token.tokenType as Partial<OwnTokenType>).kinds?.has(type) === true);
}
