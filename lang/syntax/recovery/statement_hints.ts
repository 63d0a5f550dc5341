/** Finds out what was meant by lines that are not a statement. */
import type { IToken } from "chevrotain";
import { type Hint, nearNames } from "../../diagnostics/suggest.ts";
import { byWord, ownEntry } from "../own_entry.ts";
import type { Expression } from "../tree/ast.ts";
import { keywordsWhere } from "../language_words.ts";
import { isStatementWord } from "../word_row.ts";
import type { BuildContext } from "../tree/build_context.ts";
import { objectOf } from "../tree/nodes.ts";
import { spanText } from "../../source.ts";
import { shortened } from "../token_text.ts";
import * as t from "../tokens.ts";

/** Words that a line may begin with. */
const LEADING_WORDS = keywordsWhere(({ place }) =>
  place === "statement" || place === "block value"
);

/** Words that are a complete statement. */
const LONE_WORDS = keywordsWhere((row) =>
  isStatementWord(row) && (row.behind === "nothing" || row.behind === "value or nothing")
);

/** Words of statements that people often write with parentheses, like a function. */
const CALLED_WORDS: ReadonlySet<string> = new Set(
  keywordsWhere((row) =>
    row.class === "soft" && isStatementWord(row) && row.behind !== "value and block" &&
    row.behind !== "statement"
  ),
);

/** Whether a word such as `print` is often called as if it were a function. */
export function isCalledWord(name: string): boolean {
  return CALLED_WORDS.has(name);
}

/** First words of lines in other languages, with the corresponding word of this language. */
const OTHER_LANGUAGES_LEADS = byWord([
  ["var val auto", "write `let name = …`"],
  [
    "int long unsigned size_t dma_addr_t phys_addr_t u8 u16 u32 u64",
    "write `let name = …`: variables have no declared type",
  ],
  ["void def func function", "write `fn name(…) { … }`"],
  ["static", "write `fn name(…) { … }` or `const name = …`"],
  ["from import include", 'write `use "file.dma"`'],
  ["struct", "write `let name = …`: variables and records have no declared type"],
  ["enum", "there are no declared types: compare with words, or with texts"],
  ["sleep", "write `advance 10ms`: virtual time passes by statements"],
  ["raise throw", 'a script raises no errors: end by `assert false, "why"`, or return a value'],
  ["await", "write `wait …`"],
  ["fail", "write `inject POINT { … }`; after a call, `fails` states an expected error"],
  ["switch", "write `match x { … }`"],
  ["case", "write `match x { value => … }`"],
  ["foreach", "write `for x in list { … }`"],
  ["elif elsif elseif", "write `else if`"],
  ["goto", "there is no `goto`: release resources where the call fails, and return"],
  ["unless", "write `if not …`"],
  ["until", "write `while not …`"],
  ["do", "write `while` or `repeat n { … }`"],
  ["loop", "write `repeat 100 { … }` or `while true { … }`; `loop { … }` belongs in a bench"],
  ["setup", "`setup` belongs in a bench"],
  ["budget", "`budget` belongs in a bench"],
  ["with", "`with` goes after a test's name"],
  ["matrix", "`matrix` goes after a test's name"],
  ["forall", "`forall` goes after a property's name"],
  ["try", "`try` goes before a call and has a value: `let result = try f()`"],
  ["echo puts", "write `print …`"],
  ["describe it", 'write `test "name" { … }`'],
]);

export function explainUnknownWord(
  word: IToken,
  next: IToken | null,
  hasBraces: boolean,
  context: BuildContext,
): void {
  const foreign = ownEntry(OTHER_LANGUAGES_LEADS, word.image);
  // Words of other languages have their own hints. Otherwise, similar words that a line may begin
  // with are suggested. Without a similar word, the hint says what may be missing.
  const hint = foreign ?? nearNames(word.image, LEADING_WORDS) ??
    (next === null || hasBraces
      ? "a block follows a keyword such as `test`, `if` or `repeat`, or is part of `machine { … }`"
      : `a call takes parentheses: \`${shortened(word.image)}(${shortened(next.image)}, …)\``);
  const start = word.startOffset;
  context.reporter.error(
    "E0206",
    start,
    t.tokenEnd(word),
    `No statement begins with \`${shortened(word.image)}\``,
    next?.image === "="
      ? { hint: `write \`let ${word.image} = …\``, instead: `let ${word.image}` }
      : { hint },
  );
}

/**
 * Records the mistake `print (x)`, unless the file declares a function of that name.
 *
 * @param value The value at the beginning of the line.
 * @param isWhole Whether the value is the whole statement.
 * @returns True when the value is such a call, or a member of the result of such a call.
 */
export function suspectCalledWord(
  value: Expression,
  isWhole: boolean,
  context: BuildContext,
): boolean {
  let call = value;
  for (
    let inner = objectOf(call);
    inner !== null && inner.kind !== "Name";
    inner = objectOf(call)
  ) {
    call = inner;
  }
  if (call.kind !== "Call" || call.callee.kind !== "Name") return false;
  const { name, span } = call.callee;
  if (!isCalledWord(name)) return false;
  const [argument] = call.arguments;
  const inside = argument === undefined ? "" : spanText(argument.span);
  const end = context.source.text.indexOf("(", span.end) + 1;
  context.suspect(name, () => {
    context.reporter.error(
      "E0212",
      span.start,
      end,
      `\`${name}\` is a statement, not a function`,
      {
        hint: !isWhole || call !== value
          ? `a value after \`${name}\` cannot begin with \`(\`: reorder it, or bind it to a name`
          : inside === "" || inside.length > 40
          ? "write it without parentheses"
          : `write \`${name} ${inside}\``,
      },
    );
  });
  return true;
}

/** Explains an expression alone on its line. */
export function explainNoStatement(expression: Expression, context: BuildContext): void {
  const { start, end } = expression.span;
  context.reporter.error("E0207", start, end, "A value alone is not a statement", {
    hint: hintFor(expression),
  });
}

function hintFor(expression: Expression): Hint {
  switch (expression.kind) {
    case "Name": {
      const meant = nearNames(expression.name, LONE_WORDS);
      return meant ?? "to call it, write `" + expression.name + "()`; to show it write `print`";
    }
    case "Field":
      return `a call takes parentheses: \`.${expression.field.text}()\`; to print a value, write \`print\``;
    case "Try":
      return "bind the result: `let result = try …`";
    case "Unary":
      if (expression.operator === "-") {
        return "if it continues the line before, put the `-` at the end of that line";
      }
      return "to check that it is true, write `assert`";
    case "Binary":
      return ["==", "!=", "<", "<=", ">", ">=", "and", "or"].includes(expression.operator)
        ? "to check that it is true, write `assert`"
        : "to print it, write `print`; to keep it, `let name = …`";
    case "Lambda":
      return "declare a named function with `fn name(x) { … }`";
    default:
      return "if it continues the line before, put the operator at the end of that line; " +
        "to print it, write `print`";
  }
}
