/** Ways out of what the parser met: habits of other languages, and slips of a hand. */
import type { IToken } from "chevrotain";
import { nearestNames } from "../../diagnostics/suggest.ts";
import { wordsWhere } from "../language_words.ts";
import { shortened } from "../token_text.ts";
import {
  AndThen,
  Assign,
  Colon,
  Comma,
  Dot,
  Hard,
  InfixOperator,
  isA,
  LBrace,
  LBracket,
  Literal,
  LParen,
  Minus,
  Name,
  NumberToken,
  Pipe,
  Question,
  RBrace,
  RBracket,
  RParen,
  Soft,
  Text,
  tokenEnd,
} from "../tokens.ts";

/** What the parser expects where a statement is complete. */
export const END_OF_STATEMENT = "end of line";

/** True for a reserved word where a name is due. */
export function isReservedName(expected: string, token: IToken): boolean {
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
  ["region", "host_bridge", "root_port", "switch", "nvme", "endpoint", "vfio", "rdma"],
);

/** A way out of what the parser met, where there is a likely one. */
export function hintFor(
  expected: string,
  token: IToken,
  previous: IToken | undefined,
): string | undefined {
  const type = token.tokenType;
  if (expected.endsWith("the other block")) {
    return "`fork` and `race` have two blocks at least: `fork { … } and { … }`";
  }
  const isTwice = previous?.image === token.image && type !== Assign && token.image !== "" &&
    token.startOffset - tokenEnd(previous) <= 1;
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

const BLOCK_WORDS = wordsWhere(({ place }) => place === "block value");

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
  if (token.tokenType === Dot) return "`.` asks a value for something, and none stands before it";
  if (token.tokenType === Hard.in) return "what a list has is asked with `list.contains(x)`";
  if (token.tokenType === Hard.if) return "`if` is a statement: `if … { … } else { … }`";
  if (/^0x/i.test(token.image) && previous?.tokenType === RParen) {
    return `a cast stands behind its value: \`${shortened(token.image)} as dma\``;
  }
  return "put it on a line of its own, or `;` between the two";
}
