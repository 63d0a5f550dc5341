/**
 * The items that the parser may expect. Each has a row with its text, its error code and its hints.
 * The grammar uses only the keys of the rows.
 */
import type { IToken, TokenType } from "chevrotain";
import type { DiagnosticCode } from "../../diagnostics/codes.ts";
import { nearestNames } from "../../diagnostics/suggest.ts";
import { keywordsWhere } from "../language_words.ts";
import { byWord, ownEntry } from "../own_entry.ts";
import { shortened } from "../token_text.ts";
import * as t from "../tokens.ts";

const { Hard, Soft } = t;

/** A hint with the likely correction of an unexpected token. */
type Hint = (
  token: IToken,
  previous: IToken | undefined,
  next: IToken,
) => string | undefined;

export interface Expectation {
  /** The expectation as a part of a sentence. */
  readonly text: string;
  readonly code?: DiagnosticCode;
  /** True if a name is expected: a reserved word is not a name. */
  readonly isName?: boolean;
  /** True for a further item of a list: most likely a comma is missing. */
  readonly isListed?: boolean;
  /** True if the line may end before the expected item. The end of the line is then not the mistake. */
  readonly mayEnd?: boolean;
  readonly hint?: Hint;
}

const BLOCK_WORDS = keywordsWhere(({ place }) => place === "block value");

/** Words between a test's name and its block. */
const CASE_OPTIONS = [...keywordsWhere(({ place }) => place === "clause"), "for"];

/** The forms of an expected outcome, by the word before its name. */
const OUTCOMES: Readonly<Record<string, string>> = {
  fails: "`CALL fails EINVAL`: an errno, or a block status",
  faults: "`CALL faults not_present`: the reason of an IOMMU fault",
  warns: "`CALL warns unmap_size`: the class of a report",
  error: "`expect error EINVAL { … }`: an errno, or a block status",
  fault: "`expect fault not_present { … }`: the reason of an IOMMU fault",
  warning: "`expect warning unmap_size { … }`: the class of a report",
};

/** Hints for an expected outcome after a call, if the call is only a part of a statement. */
const OUTCOME_AND_VALUE: Readonly<Record<string, (name: string) => string>> = {
  fails: (name) =>
    `a call that fails has no value: write \`CALL fails ${name}\` without \`let\`, or ` +
    "`let result = try CALL` and look at `result.error`",
  faults: (name) => keepValue("fault", name),
  warns: (name) => keepValue("warning", name),
};

function keepValue(noun: string, name: string): string {
  return "an outcome stands behind a call alone; to keep the value too: `let x = none`, and then " +
    `\`expect ${noun} ${name} { x = CALL }\``;
}

const FOR_HEAD = "write `for name in 0..n { … }`";
const TWO_BLOCKS = () => "`fork` and `race` have at least two blocks: `fork { … } and { … }`";

const inQuotes = (what: string): Expectation => ({
  text: `${what} in quotes`,
  hint: (token, previous) => {
    if (token.tokenType === t.LBrace && previous !== undefined) {
      return `give it a name: \`${previous.image} "NAME" { … }\``;
    }
    return t.isA(token, t.Name) ? `write it in double quotes: "${token.image}"` : undefined;
  },
});

const assigned = (text: string): Expectation => ({
  text,
  hint: (token, previous, next) => {
    // A `{` after the token shows that a block was meant, because the value of a key never has a
    // block. The keywords of blocks are not known in this file.
    if (previous !== undefined && next.tokenType === t.LBrace) {
      return `names in the machine have no quotes: \`${previous.image} ${
        shortened(token.image.replaceAll('"', ""))
      } { … }\``;
    }
    return t.isA(token, t.Literal) && previous !== undefined
      ? `write \`${shortened(previous.image)} = ${shortened(token.image)}\``
      : undefined;
  },
});

const listed = (text: string): Expectation => ({
  text,
  isListed: true,
  hint: (token) => {
    if (t.isA(token, t.Literal) || t.isA(token, t.Name)) return "is a comma missing?";
    return token.tokenType === t.Colon
      ? "write `:` after an argument's name: `size: 4KiB`"
      : undefined;
  },
});

const ROWS = {
  aStatement: { text: "a statement" },
  endOfStatement: { text: "end of line", code: "E0205", mayEnd: true, hint: endHint },
  value: { text: "a value", code: "E0202", hint: valueHint },
  name: {
    text: "a name",
    isName: true,
    hint: ({ tokenType }, previous) => {
      if (tokenType !== t.LParen) return undefined;
      return previous?.tokenType === Hard.for ? FOR_HEAD : "one `let` binds one name";
    },
  },
  functionName: { text: "the function's name", isName: true },
  errorName: { text: "an error's name", isName: true },
  outcomeName: {
    text: "the outcome's name",
    isName: true,
    hint: ({ tokenType }, previous) =>
      tokenType === t.Minus
        ? "write the errno without a sign: `fails EIO`"
        : `as in ${OUTCOMES[previous?.image ?? ""] ?? OUTCOMES["fails"]}`,
  },
  fieldName: {
    text: "a field's name",
    isName: true,
    hint: ({ image, tokenType }) =>
      tokenType === t.NumberToken ? `write an index in brackets: \`[${image}]\`` : undefined,
  },
  cast: { text: "`dma` or `phys`" },
  path: inQuotes("a file's path"),
  testName: inQuotes("the test's name"),
  propertyName: inQuotes("the property's name"),
  benchName: inQuotes("the bench's name"),
  driverName: inQuotes("the driver's name"),
  compiledDriver: {
    text: "`=`",
    hint: (_token, previous) => {
      const name = previous?.image ?? "NAME";
      return `a driver in the script: \`driver "${name}" { map = …, unmap = … }\`; in C: ` +
        `\`driver ${name} = c "FILE.c"\``;
    },
  },
  invariantName: inQuotes("the invariant's name"),
  block: {
    text: "`{` to begin the block",
    hint: (token, previous) => {
      if (token.image === "matrix" || token.image === "with") {
        return `\`${token.image} { … }\` goes directly after the name, before \`forall\``;
      }
      if (token.image === "forall") {
        return '`forall` belongs to a property: `property "NAME" forall n in 0..8 { … }`; ' +
          'a test with a table is `test "{n} pages" for n in [1, 8] { … }`';
      }
      // The token follows the name of a test, or one of its options.
      const isHead = previous?.tokenType === t.Text || previous?.tokenType === t.RBrace;
      const meant = isHead ? nearestNames(token.image, CASE_OPTIONS)[0] : undefined;
      if (meant !== undefined) return `did you mean \`${meant}\`?`;
      if (token.image === "nth" || token.image === "with") return undefined;
      return "a block stands in braces: `{ … }`";
    },
  },
  valueEnd: {
    text: "`}` after the value",
    hint: ({ tokenType }) =>
      tokenType === t.Colon
        ? "a record in a block needs its own braces: `if e { { a: 1 } } else { … }`"
        : "a block used as a value contains one expression; an `if` statement can have many lines",
  },
  onCpu: {
    text: "`cpu`",
    hint: ({ image, tokenType }) =>
      /^cpu\d+$/.test(image)
        ? `write \`on cpu ${image.slice(3)} { … }\``
        : tokenType === Soft.read || tokenType === Soft.write
        ? "describe a register in its endpoint: `endpoint nic { on write 0x10 { … } }`"
        : undefined,
  },
  registerAccess: {
    text: "`read` or `write`",
    hint: ({ tokenType }) =>
      tokenType === Soft.cpu ? "`on cpu n { … }` belongs in a test or a function" : undefined,
  },
  otherBlock: { text: "`and` with the other block", hint: TWO_BLOCKS },
  otherBlockStart: { text: "`{` to begin the other block", hint: TWO_BLOCKS },
  parameters: { text: "`(` and the function's parameters" },
  aCase: { text: "`test`, `property` or `bench`" },
  assign: {
    text: "`=`",
    hint: ({ tokenType }, previous) => {
      const name = shortened(previous?.image ?? "name");
      if (name === "mut") return "leave `mut` out: every variable can be assigned";
      if (tokenType === t.Comma) return "one `let` binds one name";
      return tokenType === t.Colon ? `names have no declared kind: \`${name} = …\`` : undefined;
    },
  },
  forall: {
    text: "`forall`",
    hint: ({ tokenType }) =>
      tokenType === t.LBrace
        ? "a property is tried with values, `forall n in 0..8`; without them write `test`"
        : 'write `property "NAME" forall n in 0..8 { … }`',
  },
  pathBlock: {
    text: "`{`",
    hint: (token, previous) =>
      t.isA(token, t.Name) && previous !== undefined
        ? `write \`${previous.image} { ${shortened(token.image)} = … }\``
        : undefined,
  },
  pathValue: {
    text: "`=` and a value",
    hint: ({ tokenType }, previous) =>
      tokenType === t.LBrace && previous !== undefined
        ? `write the path of the key: \`${shortened(previous.image)}.KEY = …\``
        : undefined,
  },
  machineValue: assigned("`=` and a value, or `{`"),
  entryValue: {
    text: "`:` and a value",
    hint: ({ tokenType }) =>
      tokenType === t.LParen
        ? "`{` begins a record here; to try a call, write `let result = try CALL`"
        : undefined,
  },
  arrow: {
    text: "`=>`",
    code: "E0222",
    hint: ({ tokenType }) =>
      tokenType === t.Pipe
        ? "an arm has one pattern: write one for each"
        : "a pattern is a literal, a constant, a range or `_`; it has no condition",
  },
  arm: { text: "a pattern (a literal, a constant, a range or `_`)", code: "E0222" },
  in: {
    text: "`in`",
    hint: ({ image, tokenType }, previous) => {
      if (previous?.image === "each") return `leave \`each\` out: \`for ${shortened(image)} in …\``;
      if (previous?.tokenType === t.RBracket) {
        return "say whose events: `in` an io, a request, a device, or a `trace { … }`";
      }
      if (tokenType === t.Comma) return "`for` binds one name: `for item in list { … }`";
      return tokenType === t.Assign ? FOR_HEAD : undefined;
    },
  },
  outcome: {
    text: "`error`, `fault`, `warning` or `events`",
    hint: ({ image }) =>
      /^E[A-Z]+$/.test(image)
        ? `write \`expect error ${image} { … }\``
        : "to check a condition write `assert`, and behind a call `fails`, `faults` or `warns`",
  },
  removalEach: { text: "`each`" },
  failPoint: { text: "the name of an injection point, or `each`" },
  eventPattern: {
    text: "`[` and a pattern of events",
    hint: (token) =>
      t.isA(token, t.Name) ? "write the events in brackets: `expect events [ … ] in …`" : undefined,
  },
  event: { text: "the name of an event, `...` or `(`" },
  eventRest: { text: "the rest of the event's name, or `*`" },
  count: { text: "a number of repetitions" },
  countAtMost: { text: "a maximum number of repetitions" },
  argumentOrEnd: listed("`,` or `)`"),
  parameterOrEnd: {
    text: "`,` or `)`",
    isListed: true,
    hint: ({ tokenType }, previous) =>
      tokenType === t.Colon || tokenType === t.Assign
        ? `a parameter is a name, without kind and default value: \`fn f(${
          shortened(previous?.image ?? "x")
        })\``
        : "is a comma missing?",
  },
  itemOrEnd: listed("`,` or `]`"),
  groupEnd: { text: "`,`, `|` or `)`" },
  patternEnd: { text: "`,`, `|` or `]`" },
  machineKey: { text: "a key and `=`, or a block", mayEnd: true },
  pathKey: { text: "a key and `=`", mayEnd: true },
  recordKey: {
    text: "a key and `:`",
    mayEnd: true,
    hint: ({ image, tokenType }) => {
      if (tokenType === t.Text && /^"[A-Za-z_]\w*"$/.test(image)) {
        return `write the key without quotes: \`${shortened(image.slice(1, -1))}: …\``;
      }
      return tokenType === Hard.return
        ? "`{` begins a record here; the body of a lambda is one expression, without `return`"
        : undefined;
    },
  },
  benchPart: { text: "`setup`, `loop`, `teardown`, `baseline`, `budget` or `expect`" },
} satisfies Readonly<Record<string, Expectation>>;

export type ExpectationKey = keyof typeof ROWS;

export const EXPECTATIONS: Readonly<Record<ExpectationKey, Expectation>> = ROWS;

/** Tokens that have a row. Other tokens are described by their label. */
export const EXPECTED_TOKENS: ReadonlyMap<TokenType, ExpectationKey> = new Map([
  [t.Name, "name"],
  [t.Literal, "value"],
  [t.Assign, "assign"],
  [t.FatArrow, "arrow"],
  [Hard.in, "in"],
  [Soft.forall, "forall"],
]);

/** The expectation when a closing bracket is missing; the keys are the parser's rules. */
export const BEFORE_CLOSER: Readonly<Record<string, ExpectationKey>> = {
  block: "endOfStatement",
  callArguments: "argumentOrEnd",
  parameters: "parameterOrEnd",
  eventGroup: "groupEnd",
  list: "itemOrEnd",
  eventPattern: "patternEnd",
  machineBody: "machineKey",
  pathEntries: "pathKey",
  record: "recordKey",
  matchBody: "arm",
  benchBody: "benchPart",
};

/**
 * The row for an error message of the parser. A message that is only the label of a token gets a
 * row with this label.
 */
export function expectationOf(message: string): Expectation {
  return ownEntry<Expectation>(ROWS, message) ?? { text: message };
}

/** Whether the token is a reserved word where a name is expected. */
export function isReservedName(expected: Expectation, token: IToken): boolean {
  return expected.isName === true && Object.hasOwn(Hard, token.image);
}

const OTHER_LANGUAGES_WORDS = byWord([
  ["else", "put `else` directly after the `}` of its `if`"],
  ["elif elseif", "write `else if`"],
  ["then", "write the block of an `if` in braces: `if x { … }`"],
  ["do", "write the block in braces"],
  ["catch except", "write `let result = try CALL`, and look at `result.ok` and `result.error`"],
  ["throws raises", "write `CALL fails EIO`, on a line of its own"],
  ["is", "write `==`"],
]);

/** A hint with the likely correction of an unexpected token. */
export function hintFor(
  expected: Expectation,
  token: IToken,
  previous: IToken | undefined,
  next: IToken,
): string | undefined {
  if (expected.hint === TWO_BLOCKS) return TWO_BLOCKS();
  const isTwice = previous?.image === token.image && token.tokenType !== t.Assign &&
    token.image !== "" && token.startOffset - t.tokenEnd(previous) <= 1;
  if (isTwice) {
    const twice = `\`${shortened(token.image)}\` is here twice`;
    if (expected.isListed) return `${twice}, or a comma is missing`;
    return expected === EXPECTATIONS.endOfStatement
      ? `${twice}, or \`;\` is missing between two statements`
      : twice;
  }
  if (isReservedName(expected, token)) {
    return "choose another name; reserved words are allowed only after `.` and before `:`";
  }
  if (token.tokenType === t.Question) {
    return "there is no `? :`; write `if … { … } else { … }`";
  }
  return ownEntry(OTHER_LANGUAGES_WORDS, token.image) ?? expected.hint?.(token, previous, next);
}

/** The hint for a further outcome behind one: each call, and each `expect`, has one. */
export function secondOutcomeHint(
  token: IToken,
  previous: IToken | undefined,
  before: IToken | undefined,
): string | undefined {
  const isWord = (each: IToken | undefined) => each !== undefined && t.isA(each, t.OutcomeVerb);
  const isNoun = (each: IToken | undefined) => each !== undefined && t.isA(each, t.OutcomeNoun);
  const isList = token.tokenType === t.LBracket && (isWord(previous) || isNoun(previous));
  const isFurther = token.tokenType === t.Comma || token.tokenType === t.MessageComma ||
    token.tokenType === Hard.and || isWord(token);
  const hasOutcome = isWord(before) || isNoun(before) && !isWord(token);
  return isList || isFurther && hasOutcome
    ? "a call has one outcome here; for two write `expect warning A { CALL warns B }`"
    : undefined;
}

function valueHint(token: IToken, previous: IToken | undefined): string | undefined {
  switch (token.tokenType) {
    case Hard.let:
    case Hard.return:
    case Hard.assert:
      return previous?.tokenType === t.LBrace
        ? "a block used as a value contains one expression, not a statement"
        : `\`${token.image}\` is a reserved word`;
    case Hard.for:
    case Hard.while:
      return `\`${token.image}\` is a statement here and has no value`;
    case Hard.fn:
    case t.Pipe:
      return "a function without a name is written `x => …`";
    case Hard.and:
    case t.AndThen:
      return "`and` and `{`: a record needs parentheses here";
    case t.Assign:
      return previous?.tokenType === t.Assign ? "write `==` without a space" : undefined;
    default:
      return Object.hasOwn(Hard, token.image) && !t.isA(token, t.InfixOperator)
        ? `\`${token.image}\` is a reserved word`
        : undefined;
  }
}

function endHint(token: IToken, previous: IToken | undefined, next: IToken): string | undefined {
  const outcome = ownEntry(OUTCOME_AND_VALUE, token.image);
  if (outcome !== undefined) return outcome(t.isA(next, t.Name) ? shortened(next.image) : "NAME");
  const foreign = previous === undefined
    ? undefined
    : ownEntry(OTHER_LANGUAGES_PREFIXES, previous.image);
  if (foreign !== undefined) return foreign;
  if (token.image === "!") return 'there are no macros: write `assert a == b`, `print "{a}"`';
  if (token.tokenType === t.Text && previous !== undefined && touches(previous, token)) {
    return `strings take values without a prefix: \`${shortened(token.image)}\``;
  }
  switch (token.tokenType) {
    case t.LBrace:
      return braceHint(previous);
    case t.Colon:
      return "`:` is allowed only in records, arguments and event patterns";
    case t.Comma:
    case t.MessageComma:
      return "write a list in brackets: `[a, b]`";
    case Soft.as:
      return undefined;
    case t.Dot:
      return "there is no value before the `.`";
    case Hard.in:
      return "write `list.contains(x)`";
    case Hard.if:
      return "write `if … { a } else { b }`, which is a value too";
    default:
      return /^0x/i.test(token.image) && previous?.tokenType === t.RParen
        ? `write a cast after its value: \`${shortened(token.image)} as dma\``
        : "put it on its own line, or write `;` between the two";
  }
}

/** Words of other languages before a value or a declaration, with hints. */
const OTHER_LANGUAGES_PREFIXES: Readonly<Record<string, string>> = {
  pub: "leave `pub` out: every `const` and `fn` of a file can be used by others",
  async: "leave `async` out: `submit` returns at once, and `wait` waits",
  lambda: "a function without a name is written `x => …`",
  new: "leave `new` out: `buffer(size: 4KiB)`",
  until: "write `step until …`: the machine runs until a condition holds",
  trace: "`trace` takes a block: `trace { … }`",
};

function touches(previous: IToken, token: IToken): boolean {
  return t.isA(previous, t.Name) && t.tokenEnd(previous) === token.startOffset;
}

/** A hint for a `{` after a complete statement. */
function braceHint(previous: IToken | undefined): string {
  if (previous?.tokenType === t.Text) {
    const name = previous.image.length <= 40 ? previous.image : '"…"';
    return `write \`test ${name} { … }\``;
  }
  if (previous?.tokenType === t.RParen) {
    return "declare a function with `fn name(…) { … }`; a call has no block";
  }
  if (previous?.tokenType === t.RBrace) {
    return "a second block needs a keyword: write the options of a test after `with` or `matrix`";
  }
  const word = previous === undefined ? undefined : nearestNames(previous.image, BLOCK_WORDS)[0];
  return word === undefined
    ? "`{` opens a block only after `if`, `for`, `trace` and the like"
    : `did you mean \`${word} { … }\`?`;
}
