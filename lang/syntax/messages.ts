/**
 * Says in a sentence what the parser met.
 *
 * The grammar names what it expects; here the sentence is made, the place is chosen (the end of the
 * line before, when the next line is what does not fit), and habits of other languages get a hint.
 */
import type { IParserErrorMessageProvider, IRecognitionException, IToken } from "chevrotain";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { Reporter } from "./report.ts";
import { nearestNames } from "../diagnostics/suggest.ts";
import {
  AndThen,
  Assign,
  Colon,
  Comma,
  End,
  Hard,
  InfixOperator,
  isA,
  LBrace,
  LBracket,
  Literal,
  LParen,
  Minus,
  Name,
  Newline,
  NumberToken,
  Pipe,
  Question,
  RBrace,
  RBracket,
  RParen,
  Soft,
  Text,
  tokenEnd,
} from "./tokens.ts";

const END_OF_STATEMENT = "end of line";
/** What `fork { … }` and `race { … }` go on with. */
const OTHER_BLOCK = "`and` with the other block";

/** What may stand where a closing bracket is missed, by rule. */
const BEFORE_CLOSER: Readonly<Record<string, string>> = {
  callArguments: "`,` or `)`",
  parameters: "`,` or `)`",
  parentheses: "`)`",
  eventGroup: "`,`, `|` or `)`",
  list: "`,` or `]`",
  index: "`]`",
  eventPattern: "`,`, `|` or `]`",
  machineBody: "a key and `=`, or a block",
  pathEntries: "a key and `=`",
  record: "a key and `:`",
  matchBody: "a pattern (a literal, a constant, a range or `_`)",
  benchBody: "`setup`, `loop` or `budget`",
  eventCount: "`}`",
  invariantStatement: "`}`",
};

/** Gives Chevrotain the name of what is expected; `reportParserError` makes the sentence. */
export const expectedProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage({ expected, ruleName }) {
    if (expected.name === "EOF" || (ruleName === "block" && expected === RBrace)) {
      return END_OF_STATEMENT;
    }
    if (expected === RParen || expected === RBracket || expected === RBrace) {
      return BEFORE_CLOSER[ruleName] ?? expected.LABEL ?? expected.name;
    }
    return expected.LABEL ?? expected.name;
  },
  buildNotAllInputParsedMessage: () => END_OF_STATEMENT,
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
  reporter: Reporter,
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
    if (tokenType === LBrace) open.push(index);
    else if (tokenType === RBrace) open.pop();
  }
  return result;
}

function reportParserError(
  error: IRecognitionException,
  tokens: readonly IToken[],
  reporter: Reporter,
  endName: string,
): void {
  let { token } = error;
  let expected = error.message;
  if (expected === OTHER_BLOCK && token.tokenType === Hard.and) {
    // An `and` without its block is an operator: what is wrong is what stands behind it.
    token = tokens[tokenIndex(token, tokens) + 1] ?? token;
    expected = "`{` to begin the other block";
  }
  const previous = tokenBefore(token, tokens);
  if (expected === END_OF_STATEMENT && beginsLine(previous)) expected = "a statement";
  const behind = previous === undefined ? null : tokenEnd(previous);
  const place = placeOf(token, behind, reporter, endName);
  const hint = hintFor(expected, token, previous);
  const reserved = isReservedName(expected, token);
  const sentence = reserved
    ? `\`${token.image}\` is a reserved word and cannot be a name`
    : `Expected ${expected}${contextOf(expected, previous)}, found ${place.found}`;
  reporter.error(codeFor(expected, reserved), place.start, place.end, sentence, {
    hint,
    ...(place.start === place.end ? { label: `expected ${expected} here` } : {}),
  });
}

/** The token before one; Chevrotain's own answer is another one after it has skipped some. */
function tokenBefore(token: IToken, tokens: readonly IToken[]): IToken | undefined {
  return tokens[tokenIndex(token, tokens) - 1];
}

function tokenIndex(token: IToken, tokens: readonly IToken[]): number {
  if (token.tokenType.name === "EOF") return tokens.length;
  // Tokens without text share their offset with a neighbour.
  return tokens.indexOf(token, indexAt(tokens, token.startOffset));
}

/** The number of the first token at or behind an offset. */
export function indexAt(tokens: readonly IToken[], offset: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tokens[middle]!.startOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function beginsLine(previous: IToken | undefined): boolean {
  return previous === undefined || isA(previous, End) || previous.tokenType === LBrace;
}

function codeFor(expected: string, reserved: boolean): DiagnosticCode {
  if (reserved) return "E0211";
  if (expected === "a value") return "E0202";
  if (expected === "`=>`" || expected.startsWith("a pattern (")) return "E0222";
  return expected === END_OF_STATEMENT ? "E0205" : "E0201";
}

interface ErrorPlace {
  readonly start: number;
  readonly end: number;
  readonly found: string;
}

/** A token that begins the next line is shown as the end of the line before. */
function placeOf(
  token: IToken,
  behind: number | null,
  { source }: Reporter,
  endName: string,
): ErrorPlace {
  const isEnd = token.tokenType.name === "EOF";
  if (isEnd) {
    const end = behind ?? source.text.length;
    return { start: end, end, found: endName };
  }
  if (behind !== null) {
    const isOnNextLine = source.position(token.startOffset).line > source.position(behind).line;
    if (token.tokenType === Newline || isOnNextLine) {
      return { start: behind, end: behind, found: "end of line" };
    }
  }
  return { start: token.startOffset, end: tokenEnd(token), found: describeToken(token) };
}

/** What a token is called in a sentence. */
export function describeToken(token: IToken): string {
  if (token.image === "") return token.tokenType.LABEL ?? "nothing";
  if (token.tokenType === Newline) return "end of line";
  if (token.tokenType === NumberToken) return `number \`${token.image}\``;
  if (token.image.startsWith('"')) return `string ${shortened(token.image)}`;
  if (isA(token, Name)) return `name \`${shortened(token.image)}\``;
  return `\`${shortened(token.image)}\``;
}

/** Text of a script for a message: never longer than half a line. */
export function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 38)}…`;
}

/** `after …`, where a value is due because of the token before. */
function contextOf(expected: string, previous: IToken | undefined): string {
  if (expected !== "a value" || previous === undefined) return "";
  const type = previous.tokenType;
  const wantsValue = isA(previous, InfixOperator) || type === Comma || type === Assign ||
    type === Colon || (/^[a-z]+$/.test(previous.image) && !isA(previous, Literal));
  return wantsValue ? ` after \`${previous.image}\`` : "";
}

function isReservedName(expected: string, token: IToken): boolean {
  return (expected === "a name" || expected.endsWith("'s name")) && token.image in Hard;
}

const STATEMENT_HINTS: Readonly<Record<string, string>> = {
  else: "`else` stands right behind the `}` of its `if`",
  elif: "write `else if`",
  elseif: "write `else if`",
  then: "the block of an `if` stands in braces: `if x { … }`",
  do: "a block stands in braces",
};

/** Blocks of the machine that have a name. */
const MACHINE_BLOCKS: ReadonlySet<string> = new Set(
  ["region", "host_bridge", "root_port", "switch", "nvme", "endpoint", "vfio"],
);

function hintFor(
  expected: string,
  token: IToken,
  previous: IToken | undefined,
): string | undefined {
  const type = token.tokenType;
  const isTwice = previous?.image === token.image && type !== Assign && token.image !== "";
  if (isTwice && !isListed(expected)) return `\`${shortened(token.image)}\` stands here twice`;
  if (isReservedName(expected, token)) {
    return "take another name; reserved words may stand after `.` and before `:` only";
  }
  if (type === Question) return "there is no `? :`; write `if … { … } else { … }`";
  const word = STATEMENT_HINTS[token.image];
  if (word !== undefined) return word;
  if (expected === "a value") return valueHint(token, previous);
  if (expected === END_OF_STATEMENT) return endHint(token, previous);
  if (isListed(expected)) {
    if (isTwice) return `\`${shortened(token.image)}\` stands here twice, or a comma is missing`;
    if (isA(token, Literal) || isA(token, Name)) return "is a comma missing?";
    if (type === Colon) return "`:` stands behind an argument's name: `size: 4KiB`";
  }
  if (expected === "`=>`" && type === Pipe) return "an arm has one pattern: write one for each";
  if (expected === "`=>`") {
    return "a pattern is a literal, a constant, a range or `_`, and no condition";
  }
  if (expected === "`=`" && previous?.image === "mut") {
    return "leave `mut` out: every variable can be given another value";
  }
  if (expected.startsWith("a key and `:`") && type === Hard.return) {
    return "`{` begins a record here; the body of a lambda is one expression, without `return`";
  }
  if (expected.startsWith("`=` and a value") && MACHINE_BLOCKS.has(previous?.image ?? "")) {
    return `names in the machine have no quotes: \`${previous!.image} ${
      shortened(token.image.replaceAll('"', ""))
    } { … }\``;
  }
  if (expected.startsWith("`=` and a value") && isA(token, Literal) && previous !== undefined) {
    return `write \`${shortened(previous.image)} = ${shortened(token.image)}\``;
  }
  if (expected === "a field's name" && type === NumberToken) {
    return `items of a list are counted in brackets: \`[${token.image}]\``;
  }
  if (expected === "the outcome's name" && type === Minus) {
    return "the name of an errno has no sign: `fails EIO`";
  }
  if (expected === "the outcome's name") {
    return "as in `expect error EINVAL { … }` or `f() fails EINVAL`";
  }
  if (expected === "`in`" && type === Assign) return "write `for name in 0..n { … }`";
  if (expected === "a name" && type === LParen && previous?.tokenType === Hard.for) {
    return "write `for name in 0..n { … }`";
  }
  if (expected.endsWith("in quotes") && type === LBrace && previous !== undefined) {
    return `say what it shows: \`${previous.image} "what it shows" { … }\``;
  }
  if (previous?.tokenType === Hard.expect && /^E[A-Z]+$/.test(token.image)) {
    return `write \`expect error ${token.image} { … }\``;
  }
  if (expected.endsWith("in quotes") && isA(token, Name)) {
    return `write it between double quotes: "${token.image}"`;
  }
  if (expected.endsWith("the other block")) return "write `fork { … } and { … }`";
  return undefined;
}

/** True where a comma may go on with a list of values. */
function isListed(expected: string): boolean {
  return expected === "`,` or `)`" || expected === "`,` or `]`";
}

function valueHint(token: IToken, previous: IToken | undefined): string | undefined {
  switch (token.tokenType) {
    case Hard.if:
    case Hard.match:
    case Hard.for:
    case Hard.while:
      return `\`${token.image}\` is a statement here and has no value`;
    case Hard.fn:
      return "a function without a name is written `x => …`";
    case Hard.and:
    case AndThen:
      return "`and` and `{`: a record needs parentheses here";
    case Assign:
      return previous?.tokenType === Assign ? "`==` is written without a blank" : undefined;
    case RParen:
    case RBracket:
    case RBrace:
    case LBrace:
    case LBracket:
      return undefined;
    default:
      return token.image in Hard && !isA(token, InfixOperator)
        ? `\`${token.image}\` is a reserved word`
        : undefined;
  }
}

const BLOCK_WORDS = ["trace", "fork", "race", "compare"];

function endHint(token: IToken, previous: IToken | undefined): string | undefined {
  if (token.tokenType === LBrace) {
    if (previous?.tokenType === Text) {
      const name = previous.image.length <= 40 ? previous.image : '"…"';
      return `write \`test ${name} { … }\``;
    }
    if (previous?.tokenType === RParen) {
      return "a function is declared `fn name(…) { … }`; a call has no block";
    }
    const word = previous === undefined ? undefined : nearestNames(previous.image, BLOCK_WORDS)[0];
    return word === undefined
      ? "`{` opens a block after `if`, `for`, `trace` and their like only"
      : `did you mean \`${word} { … }\`?`;
  }
  if (token.tokenType === Colon) return "`:` stands in records, arguments and event patterns only";
  if (token.tokenType === Comma) return "a list stands in brackets: `[a, b]`";
  if (token.tokenType === Soft.as) return undefined;
  if (/^0x/i.test(token.image) && previous?.tokenType === RParen) {
    return `a cast stands behind its value: \`${shortened(token.image)} as dma\``;
  }
  return "put it on a line of its own, or `;` between the two";
}
