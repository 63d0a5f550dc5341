/** Lines that are no statement: finds out what was meant. */
import type { CstNode } from "chevrotain";
import { type Hint, nearNames } from "../../diagnostics/suggest.ts";
import { ownEntry } from "../own_entry.ts";
import type { Expression } from "../tree/ast.ts";
import { wordsWhere } from "../language_words.ts";
import { isStatementWord } from "../word_row.ts";
import type { BuildContext } from "../tree/build_context.ts";
import { children, childToken, isNode, isToken } from "../tree/cst.ts";
import { shortened } from "../token_text.ts";
import * as t from "../tokens.ts";

/** Words that a line may begin with. */
const LEADING_WORDS = wordsWhere(({ place }) => place === "statement" || place === "block value");

/** Words that are a statement without anything behind them. */
const LONE_WORDS = wordsWhere((row) =>
  isStatementWord(row) && (row.behind === "nothing" || row.behind === "value or nothing")
);

/** Statements whose word people follow with a parenthesis, as if it were a function. */
const CALLED_WORDS: ReadonlySet<string> = new Set(
  wordsWhere((row) =>
    row.class === "soft" && isStatementWord(row) && row.behind !== "value and block" &&
    row.behind !== "statement"
  ),
);

/** True for `print` and its like, which are no functions. */
export function isCalledWord(name: string): boolean {
  return CALLED_WORDS.has(name);
}

/** What other languages begin a line with. */
const FOREIGN_LEADS: Readonly<Record<string, string>> = {
  var: "write `let name = …`",
  val: "write `let name = …`",
  auto: "write `let name = …`",
  int: "write `let name = …`: values know their kind",
  long: "write `let name = …`: values know their kind",
  unsigned: "write `let name = …`: values know their kind",
  size_t: "write `let name = …`: values know their kind",
  dma_addr_t: "write `let name = …`: values know their kind",
  phys_addr_t: "write `let name = …`: values know their kind",
  u8: "write `let name = …`: values know their kind",
  u16: "write `let name = …`: values know their kind",
  u32: "write `let name = …`: values know their kind",
  u64: "write `let name = …`: values know their kind",
  struct: "write `let name = …`: values know their kind",
  void: "write `fn name(…) { … }`",
  def: "write `fn name(…) { … }`",
  func: "write `fn name(…) { … }`",
  function: "write `fn name(…) { … }`",
  static: "write `fn name(…) { … }` or `const name = …`",
  import: 'write `use "file.dma"`',
  include: 'write `use "file.dma"`',
  fail: "write `inject point { … }`; behind a call, `fails` expects an error of it",
  switch: "write `match x { … }`",
  case: "write `match x { value => … }`",
  foreach: "write `for x in list { … }`",
  elif: "write `else if`",
  elsif: "write `else if`",
  elseif: "write `else if`",
  goto: "there is no `goto`: undo what was done where it fails, and return",
  unless: "write `if not …`",
  until: "write `while not …`",
  do: "write `while` or `repeat n { … }`",
  loop: "`loop` stands in a bench; elsewhere write `repeat n { … }` or `while true { … }`",
  setup: "`setup` stands in a bench",
  budget: "`budget` stands in a bench",
  with: "`with` stands after a test's name",
  matrix: "`matrix` stands after a test's name",
  forall: "`forall` stands after a property's name",
  try: "`try` stands before a call and gives a value: `let result = try f()`",
  echo: "write `print …`",
  puts: "write `print …`",
  describe: 'write `test "name" { … }`',
  it: 'write `test "name" { … }`',
};

/** Explains a line that begins with an unknown word. */
export function explainUnknownWord(node: CstNode, context: BuildContext): void {
  const word = childToken(node, "UnknownWord");
  if (word === undefined) return;
  const [next] = children(node, "item").filter(isToken);
  const foreign = ownEntry(FOREIGN_LEADS, word.image);
  // `let` and its like are followed by a name: a near word that cannot be right is no suggestion.
  const hint = foreign ?? nearNames(word.image, LEADING_WORDS) ??
    (next === undefined || children(node, "anyBraces").length > 0
      ? "a block follows a word such as `test`, `if` or `repeat`, or stands in `machine { … }`"
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
 * `print (x)`: notes the mistake, unless the file declares a function of that name.
 *
 * @param isWhole The operand is the whole statement.
 * @returns True when the operand is such a call.
 */
export function suspectCalledWord(
  operand: CstNode,
  isWhole: boolean,
  context: BuildContext,
): boolean {
  const word = childToken(operand, "first");
  const [suffix, ...more] = children(operand, "suffix");
  if (word === undefined || !CALLED_WORDS.has(word.image)) return false;
  if (!isNode(suffix) || suffix.name !== "callArguments") return false;
  const [argument] = children(suffix, "item");
  const inside = argument === undefined ? "" : context.source.text.slice(
    context.elementSpan(argument).start,
    context.elementSpan(argument).end,
  );
  context.suspect(word.image, () => {
    const { start } = context.nodeSpan(suffix);
    context.reporter.error(
      "E0212",
      word.startOffset,
      start + 1,
      `\`${word.image}\` is a statement, not a function`,
      {
        hint: !isWhole || more.length > 0
          ? `no \`(\` right behind \`${word.image}\`: turn the value around, or bind it to a name`
          : inside === "" || inside.length > 40
          ? "leave the parentheses out"
          : `write \`${word.image} ${inside}\``,
      },
    );
  });
  return true;
}

/** Explains an expression that stands alone on its line. */
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
      return meant ?? "to call it write `" + expression.name + "()`; to show it write `print`";
    }
    case "Field":
      return `a call takes parentheses: \`.${expression.field.text}()\`; to show a value write \`print\``;
    case "Try":
      return "bind the outcome: `let result = try …`";
    case "Unary":
      if (expression.operator === "-") {
        return "if it goes on from the line before, put the `-` at the end of that line";
      }
      return "to claim that it holds write `assert`";
    case "Binary":
      return ["==", "!=", "<", "<=", ">", ">=", "and", "or"].includes(expression.operator)
        ? "to claim that it holds write `assert`"
        : "to show it write `print`, to keep it `let name = …`";
    case "Lambda":
      return "a function with a name is declared: `fn name(x) { … }`";
    default:
      return "if it goes on from the line before, put the operator at the end of that line; " +
        "to show it write `print`";
  }
}
