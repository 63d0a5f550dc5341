/**
 * Groups a row of operands and operators into a tree.
 *
 * Binary operators group to the left. Comparisons and ranges do not chain. `not` binds looser than
 * comparisons, unary minus and `try` tighter than products.
 */
import type { IToken } from "chevrotain";
import { type Span, spanBetween, spanText } from "../../source.ts";
import type { BinaryOperator, Expression } from "./ast.ts";
import type { BuildContext } from "./build_context.ts";
import { shortened } from "../token_text.ts";
import * as t from "../tokens.ts";

/** How tightly operators bind: the larger, the tighter. */
const Precedence = {
  or: 1,
  and: 2,
  not: 3,
  comparison: 4,
  range: 5,
  pipe: 6,
  ampersand: 7,
  shift: 8,
  sum: 9,
  product: 10,
  unary: 11,
} as const;

const BINARY_PRECEDENCE: Readonly<Record<string, number>> = {
  or: Precedence.or,
  "||": Precedence.or,
  and: Precedence.and,
  "&&": Precedence.and,
  "==": Precedence.comparison,
  "===": Precedence.comparison,
  "!=": Precedence.comparison,
  "!==": Precedence.comparison,
  "<>": Precedence.comparison,
  "<": Precedence.comparison,
  "<=": Precedence.comparison,
  ">": Precedence.comparison,
  ">=": Precedence.comparison,
  "..": Precedence.range,
  "..=": Precedence.range,
  "|": Precedence.pipe,
  "&": Precedence.ampersand,
  "<<": Precedence.shift,
  ">>": Precedence.shift,
  "+": Precedence.sum,
  "-": Precedence.sum,
  "*": Precedence.product,
  "/": Precedence.product,
  "%": Precedence.product,
};

/** Operators of other languages, already reported, and what they stand for. */
const OWN_SPELLING: Readonly<Record<string, BinaryOperator>> = {
  "||": "or",
  "&&": "and",
  "===": "==",
  "!==": "!=",
  "<>": "!=",
};

/** A value with the prefix operators before it. */
export interface Operand {
  readonly prefixes: readonly IToken[];
  readonly value: Expression;
  readonly isLambda: boolean;
}

/** Operands and operators that still have to be grouped. */
interface Row {
  readonly operands: readonly Operand[];
  readonly operators: readonly IToken[];
  /** The operand and the prefix that come next. */
  at: number;
  prefix: number;
}

/** Groups a row. There is an operator between any two operands. */
export function groupOperands(
  operands: readonly Operand[],
  operators: readonly IToken[],
  context: BuildContext,
): Expression {
  return new OperandGrouper(context).group({ operands, operators, at: 0, prefix: 0 });
}

class OperandGrouper {
  constructor(readonly context: BuildContext) {}

  group(row: Row): Expression {
    this.#checkLambdas(row.operands, row.operators);
    return this.#binary(row, 0);
  }

  #binary(row: Row, minimum: number): Expression {
    let left = this.#unary(row, minimum);
    let chained: number | null = null;
    for (;;) {
      const operator = row.operators[row.at - 1];
      if (operator === undefined || row.at >= row.operands.length) return left;
      const precedence = this.#precedence(operator);
      if (precedence < minimum) return left;
      const right = this.#binary(row, precedence + 1);
      if (precedence === chained) this.#reportChain(left, operator, right);
      chained = precedence === Precedence.comparison || precedence === Precedence.range
        ? precedence
        : null;
      left = this.#join(left, operator, right);
    }
  }

  #unary(row: Row, minimum: number): Expression {
    const operand = row.operands[row.at]!;
    const prefix = operand.prefixes[row.prefix];
    if (prefix === undefined) {
      row.at++;
      row.prefix = 0;
      return operand.value;
    }
    row.prefix++;
    const isNot = prefix.tokenType === t.Hard.not || prefix.tokenType === t.Bang;
    const value = isNot ? this.#binary(row, Precedence.not) : this.#unary(row, Precedence.unary);
    const span = spanBetween(this.context.tokenSpan(prefix), value.span);
    if (isNot && minimum > Precedence.not) this.#reportLooseNot(prefix, span);
    switch (prefix.tokenType) {
      case t.Soft.try:
        return { kind: "Try", operand: value, span };
      case t.Minus:
        return { kind: "Unary", operator: "-", operand: value, span };
      case t.Hard.not:
        return { kind: "Unary", operator: "not", operand: value, span };
      case t.Bang:
        this.#foreignPrefix(prefix, "write `not`");
        return { kind: "Unary", operator: "not", operand: value, span };
      default:
        this.#foreignPrefix(prefix, `there are no pointers: write it without \`${prefix.image}\``);
        return value;
    }
  }

  #precedence(operator: IToken): number {
    // `=` has been reported where it stands for `==`; it groups like it.
    return BINARY_PRECEDENCE[operator.image] ?? Precedence.comparison;
  }

  #join(left: Expression, operator: IToken, right: Expression): Expression {
    const span = spanBetween(left.span, right.span);
    if (operator.tokenType === t.Range) {
      return {
        kind: "Range",
        first: left,
        last: right,
        inclusive: operator.image === "..=",
        span,
      };
    }
    const { image } = operator;
    if (operator.tokenType === t.Assign || operator.tokenType === t.PlusAssign) {
      this.#reportAssign(operator);
    }
    return {
      kind: "Binary",
      operator: OWN_SPELLING[image] ??
        (image in BINARY_PRECEDENCE ? image as BinaryOperator : "=="),
      operatorSpan: this.context.tokenSpan(operator),
      left,
      right,
      span,
    };
  }

  #reportChain(left: Expression, operator: IToken, right: Expression): void {
    if (left.kind !== "Binary") {
      this.context.errorOn(
        "E0208",
        operator,
        "Ranges do not chain",
        "a range has two ends: `0..8`",
      );
      return;
    }
    const [first, middle, last] = [left, left.right, right].map(({ span }) =>
      shortened(spanText(span))
    );
    this.context.errorOn(
      "E0208",
      operator,
      "Comparisons do not chain",
      `write \`${first} and ${middle} ${operator.image} ${last}\``,
    );
  }

  #reportLooseNot(prefix: IToken, span: Span): void {
    this.context.errorOn(
      "E0221",
      prefix,
      `\`${prefix.image}\` binds looser than the operator before it`,
      `write \`(${shortened(spanText(span))})\``,
    );
  }

  #reportAssign(operator: IToken): void {
    this.context.errorOn(
      "E0210",
      operator,
      `\`${operator.image}\` assigns, but an assignment is a statement`,
      operator.image === "+=" ? "write `+`" : "`==` compares",
    );
  }

  #foreignPrefix(prefix: IToken, hint: string): void {
    this.context.errorOn(
      "E0112",
      prefix,
      `\`${prefix.image}\` is not an operator of this language`,
      hint,
    );
  }

  #checkLambdas(operands: readonly Operand[], operators: readonly IToken[]): void {
    for (const [index, operand] of operands.entries()) {
      if (!operand.isLambda) continue;
      const before = operand.prefixes.at(-1) ?? operators[index - 1];
      if (before === undefined || t.isA(before, t.Assign) || t.isA(before, t.PlusAssign)) continue;
      this.context.reporter.error(
        "E0220",
        operand.value.span.start,
        operand.value.span.end,
        `A function cannot follow \`${before.image}\``,
        { hint: "put it in parentheses; the comparison is `>=`" },
      );
    }
  }
}
