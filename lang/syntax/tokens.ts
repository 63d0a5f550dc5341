/**
 * Token types and the lexer.
 *
 * The lexer knows the hard words only. The soft words (`print`, `trace`, `try` …) leave it as
 * identifiers and get their own types in `words.ts`, where the neighbours are known; each of them
 * stays a `Name`, so that it can name things wherever it opens nothing.
 *
 * Order matters: the first pattern that matches wins. Keywords therefore stand longest first and
 * each gives way to a longer identifier; operators stand longest first; what nobody else wants
 * ends in a catch-all, so that lexing itself never fails.
 */
import { type IToken, Lexer, type TokenType } from "chevrotain";
import {
  HARD_WORDS,
  type HardWord,
  LANGUAGE_WORDS,
  type LanguageWord,
  SOFT_WORDS,
  type SoftWord,
  type WordFamily,
  type WordRow,
  wordsWhere,
} from "./language_words.ts";

/** The characters from one to another, both included. */
function characters(from: string, to: string): string[] {
  const first = from.charCodeAt(0);
  const count = to.charCodeAt(0) - first + 1;
  return Array.from({ length: count }, (_, index) => String.fromCharCode(first + index));
}

/**
 * A token type. Chevrotain's own function for one works out anew, with every type, what all its
 * kinds match: for all of them that takes as long as a short file's run. The lexer does it once for
 * all that it is given.
 */
function tokenType(
  name: string,
  label: string,
  pattern: string | RegExp,
  categories: TokenType[],
  more: Omit<Partial<TokenType>, "PATTERN"> = {},
): TokenType {
  return { name, LABEL: label, PATTERN: pattern, CATEGORIES: categories, ...more };
}

function category(name: string, label: string, ...categories: TokenType[]): TokenType {
  return tokenType(name, label, Lexer.NA, categories);
}

/** All that can stand inside a line: neither braces nor the end of a statement. */
export const Inline = category("Inline", "anything");
export const Name = category("Name", "a name", Inline);
export const Literal = category("Literal", "a value", Inline);
export const InfixOperator = category("InfixOperator", "an operator", Inline);
export const PrefixOperator = category("PrefixOperator", "an operator", Inline);
/** Operators that can only stand between two values. */
export const LeadingOperator = category("LeadingOperator", "an operator", InfixOperator);
/** Ends an entry of a machine, record or match. */
export const Separator = category("Separator", "`,` or a new line");
/** Ends a statement. */
export const End = category("End", "end of line", Separator);
export const OutputVerb = category("OutputVerb", "`print`", Name);
export const BranchingWord = category("BranchingWord", "`fork`", Name);
export const OutcomeVerb = category("OutcomeVerb", "`fails`", Name);
export const OutcomeNoun = category("OutcomeNoun", "`error`, `fault` or `warning`", Name);
/** A word that begins a line and can begin no statement. */
export const UnknownWord = category("UnknownWord", "a name", Name);

export const Identifier = tokenType("Identifier", "a name", /[A-Za-z_][A-Za-z0-9_]*/, [Name], {
  START_CHARS_HINT: [...characters("A", "Z"), ...characters("a", "z"), "_"],
});

const FAMILIES: Readonly<Record<WordFamily, TokenType>> = {
  "output verb": OutputVerb,
  "branching": BranchingWord,
  "outcome noun": OutcomeNoun,
  "outcome verb": OutcomeVerb,
};

/** What else a word is for the grammar. */
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

/** A token type for each of some words, with what only they have. */
function wordTypes<W extends LanguageWord>(
  words: readonly W[],
  patternOf: (word: W) => string | RegExp,
  more: { readonly LONGER_ALT?: TokenType } = {},
): Readonly<Record<W, TokenType>> {
  const make = (word: W) =>
    tokenType(capitalized(word), `\`${word}\``, patternOf(word), categoriesOf(word), more);
  return Object.fromEntries(words.map((word) => [word, make(word)])) as Record<W, TokenType>;
}

/** Token types of the hard words. */
export const Hard: Readonly<Record<HardWord, TokenType>> = wordTypes(
  HARD_WORDS,
  (word) => word,
  { LONGER_ALT: Identifier },
);

/** Token types of the soft words; `words.ts` gives them to identifiers. */
export const Soft: Readonly<Record<SoftWord, TokenType>> = wordTypes(
  SOFT_WORDS,
  () => Lexer.NA,
);

/** Token types of all words. */
export const WordTypes: Readonly<Record<LanguageWord, TokenType>> = { ...Hard, ...Soft };

/** The token types of the words whose rows are as asked. */
export function typesWhere(isAsked: (row: WordRow) => boolean): ReadonlySet<TokenType> {
  return new Set(wordsWhere(isAsked).map((word) => WordTypes[word]));
}

/** A word before `:`: the name of an argument, a record's key, an event's field. */
export const Label = category("Label", "a name", Name);
/** The `and` between two blocks. */
export const AndThen = category("AndThen", "`and`", Inline);
/** The `with` behind a record, of which it makes a copy. */
export const CopyWith = category("CopyWith", "`with`", Inline);
/** An identifier that begins a line like a statement's word does, but is none. */
export const UnknownIdentifier = category("UnknownIdentifier", "a name", UnknownWord);
/** Stands where a value was forgotten; the diagnostic is already made. */
export const MissingValue = category("MissingValue", "a value", Literal);

/**
 * @param starts The characters a pattern can begin with. Without them Chevrotain works them out of
 *   every pattern whenever the program starts, which takes longer than lexing most files.
 */
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

export const Newline = token("Newline", /\r\n?|\n/, "end of line", [End], ["\r", "\n"], true);
// Sticky, as Chevrotain makes every pattern: it takes one that is already as it comes, and does
// not parse it in search of a quicker way, which would take longer than lexing most files.
const Blank = tokenType("Blank", "blanks", /[ \t\f\v\ufeff]+/y, [], {
  START_CHARS_HINT: [..." \t\f\v\ufeff"],
  GROUP: Lexer.SKIPPED,
  LINE_BREAKS: false,
});
const Comment = tokenType("Comment", "a comment", /#[^\r\n]*/y, [], {
  START_CHARS_HINT: ["#"],
  GROUP: Lexer.SKIPPED,
});

/** Anything that begins like a number: `literals.ts` says whether it is one. */
export const NumberToken = token(
  "Number",
  /[0-9][0-9A-Za-z_\u00b5\u03bc]*(?:\.[0-9][0-9A-Za-z_]*)?/,
  "a number",
  [Literal],
  characters("0", "9"),
);
export const Text = token("Text", /"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"/, "a string", [Literal], [
  '"',
]);
export const UnclosedText = token("UnclosedText", /"[^\r\n]*/, "a string", [Literal], ['"']);
export const Bytes = token("Bytes", /bytes"[^"\r\n]*"/, "bytes", [Literal], ["b"]);
export const UnclosedBytes = token("UnclosedBytes", /bytes"[^"\r\n]*/, "bytes", [Literal], ["b"]);

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
export const Colon = token("Colon", ":", "`:`");
export const Dot = token("Dot", ".", "`.`");
export const Gap = token("Gap", "...", "`...`");
export const Assign = token("Assign", "=", "`=`", [LeadingOperator]);
export const PlusAssign = token("PlusAssign", "+=", "`+=`", [LeadingOperator]);
export const FatArrow = token("FatArrow", "=>", "`=>`");
export const EqualEqual = token("EqualEqual", "==", "`==`", [LeadingOperator]);
export const NotEqual = token("NotEqual", "!=", "`!=`", [LeadingOperator]);
export const Range = token("Range", /\.\.=?/, "`..`", [LeadingOperator], ["."]);
export const Pipe = token("Pipe", "|", "`|`", [LeadingOperator]);
export const Plus = token("Plus", "+", "`+`", [LeadingOperator]);
export const Minus = token("Minus", "-", "`-`", [InfixOperator, PrefixOperator]);
export const Star = token("Star", "*", "`*`", [InfixOperator, PrefixOperator]);
export const Ampersand = token("Ampersand", "&", "`&`", [InfixOperator, PrefixOperator]);
export const Bang = token("Bang", "!", "`!`", [PrefixOperator]);
export const Question = token("Question", "?", "`?`");
/** The operators that nothing but a table of precedences tells apart. */
export const OtherOperator = token(
  "OtherOperator",
  /<<|>>|<=|>=|<|>|\/|%/,
  "an operator",
  [LeadingOperator],
  [..."<>/%"],
);

/** Operators of other languages. `lexical.ts` explains each and puts ours in its place. */
export const ForeignOperator = token(
  "ForeignOperator",
  /&&|\|\||===|!==|<>|->|:=|\+\+|--(?![ \t]*[^ \t;)}\r\n#])|<<=|>>=|[-*\/%&|^]=(?!=)/,
  "an operator",
  [Inline],
  [..."&|=!<>-:+*/%^"],
);
export const ForeignComment = token(
  "ForeignComment",
  /\/\/[^\r\n]*|\/\*[\s\S]*?\*\/|\/\*[\s\S]*/,
  "a comment",
  [Inline],
  ["/"],
  true,
);
export const ForeignText = token("ForeignText", /'[^'\r\n]*'|`[^`\r\n]*`/, "a string", [Literal], [
  "'",
  "`",
]);
/** What no token begins with. */
// deno-lint-ignore no-control-regex
const UNKNOWN = /[\x00-\x08\x0e-\x1f\x7f]+|[\x80-\ufefe\uff00-\uffff]+|[$@\\^'`~]/;
/** The lexer files all beyond Latin-1 in groups of 255; one of each group stands for it. */
const BEYOND_LATIN = Array.from(
  { length: 257 },
  (_, group) => String.fromCharCode(Math.max(0x100, (group + 1) * 255)),
);
export const Unknown = token("Unknown", UNKNOWN, "a character", [Inline], [
  ...characters("\x00", "\x1f"),
  ...characters("\x7f", "\xff"),
  ..."$@\\^'`~",
  ...BEYOND_LATIN,
]);

/** In the order the lexer tries them. */
export const LEXED: TokenType[] = [
  Blank,
  Newline,
  Comment,
  Bytes,
  UnclosedBytes,
  ...[...HARD_WORDS].sort((a, b) => b.length - a.length).map((word) => Hard[word]),
  Identifier,
  NumberToken,
  Text,
  UnclosedText,
  ForeignComment,
  ForeignOperator,
  Gap,
  Range,
  FatArrow,
  EqualEqual,
  NotEqual,
  PlusAssign,
  OtherOperator,
  LParen,
  RParen,
  LBracket,
  RBracket,
  LBrace,
  RBrace,
  Comma,
  Semicolon,
  Colon,
  Dot,
  Assign,
  Pipe,
  Plus,
  Minus,
  Star,
  Ampersand,
  Bang,
  Question,
  ForeignText,
  Unknown,
];

/** Every type the grammar may name. */
export const VOCABULARY: TokenType[] = [
  ...LEXED,
  ...SOFT_WORDS.map((word) => Soft[word]),
  Inline,
  Name,
  Literal,
  InfixOperator,
  PrefixOperator,
  LeadingOperator,
  Separator,
  End,
  OutputVerb,
  BranchingWord,
  OutcomeVerb,
  OutcomeNoun,
  UnknownWord,
  Label,
  AndThen,
  CopyWith,
  UnknownIdentifier,
  MissingValue,
];

// The types without a pattern are never found; the lexer numbers them with the others.
const lexer = new Lexer(VOCABULARY, {
  positionTracking: "onlyOffset",
  ensureOptimizations: true,
  skipValidations: true,
});

/**
 * The tokens of a text, newlines included, blanks and comments left out. Never fails.
 *
 * @param offset Where the text begins in its file.
 */
export function tokenize(text: string, offset = 0): IToken[] {
  const { tokens } = lexer.tokenize(text);
  for (const token of tokens) {
    token.startOffset += offset;
    // The lexer leaves it out; the parser needs it for the places of its nodes.
    token.endOffset = token.startOffset + token.image.length - 1;
  }
  return tokens;
}

/** Gives a token another type. Token types are looked up by index while parsing. */
export function retype(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx!;
}

/** A token that stands for nothing in the text. */
export function virtualToken(type: TokenType, offset: number): IToken {
  return {
    image: "",
    startOffset: offset,
    endOffset: offset - 1,
    tokenType: type,
    tokenTypeIdx: type.tokenTypeIdx!,
  };
}

/** Offset just behind a token. */
export function tokenEnd(token: IToken): number {
  return token.startOffset + token.image.length;
}

/** True when a token is of a type or of one of its kinds. */
export function isA(token: IToken | undefined, type: TokenType): boolean {
  return token !== undefined &&
    (token.tokenTypeIdx === type.tokenTypeIdx ||
      type.categoryMatchesMap?.[token.tokenTypeIdx] === true);
}
