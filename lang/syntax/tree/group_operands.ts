/**
 * Groups a row of operands and operators into a tree.
 *
 * Binary operators group to the left. Comparisons and ranges do not chain. `not` binds looser than
 * comparisons; unary minus and `try` bind tighter than products.
 */
import type { IToken } from "chevrotain";
import { type Span, spanText } from "../../source.ts";
import type { BinaryOperator, Expression } from "./ast.ts";
import type { BuildContext } from "./build_context.ts";
import { shortened } from "../token_text.ts";
import * as t from "../tokens.ts";

/** The operators from loosest to tightest binding; those in one row bind equally. */
const ROWS = [
  ["or"],
  ["and"],
  ["not"],
  ["==", "!=", "<", "<=", ">", ">="],
  ["..", "..="],
  ["|"],
  ["&"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
] as const;

/** The binding strength of operators: the larger, the tighter. */
const PRECEDENCES: ReadonlyMap<string, number> = new Map(
  ROWS.flatMap((row, index) => row.map((operator) => [operator, index] as const)),
);
const NOT = PRECEDENCES.get("not")!;
const COMPARISON = PRECEDENCES.get("==")!;
const RANGE = PRECEDENCES.get("..")!;
const UNARY = ROWS.length;

/** A value with the prefix operators before it. */
export interface Operand {
  readonly prefixes: readonly IToken[];
  readonly value: Expression;
  readonly isLambda: boolean;
}

/** Operands and operators during the grouping. */
interface Row {
  readonly operands: readonly Operand[];
  readonly operators: readonly IToken[];
  /** The index of the next operand, and of its next prefix. */
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
      const precedence = PRECEDENCES.get(spellingOf(operator))!;
      if (precedence < minimum) return left;
      const right = this.#binary(row, precedence + 1);
      if (precedence === chained) this.#reportChain(left, operator, right);
      chained = precedence === COMPARISON || precedence === RANGE ? precedence : null;
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
    const value = isNot ? this.#binary(row, NOT) : this.#unary(row, UNARY);
    const span = this.context.spanBetween(this.context.tokenSpan(prefix), value.span);
    if (isNot && minimum > NOT) this.#reportLooseNot(prefix, span);
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

  #join(left: Expression, operator: IToken, right: Expression): Expression {
    const span = this.context.spanBetween(left.span, right.span);
    if (operator.tokenType === t.Range) {
      return {
        kind: "Range",
        first: left,
        last: right,
        inclusive: operator.image === "..=",
        span,
      };
    }
    if (operator.tokenType === t.Assign || operator.tokenType === t.PlusAssign) {
      this.#reportAssign(operator);
    }
    return {
      kind: "Binary",
      operator: spellingOf(operator) as BinaryOperator,
      operatorSpan: this.context.tokenSpan(operator),
      left,
      right,
      span,
    };
  }

  #reportChain(left: Expression, operator: IToken, right: Expression): void {
    if (left.kind !== "Binary") {
      this.context.reporter.errorOn(
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
    this.context.reporter.errorOn(
      "E0208",
      operator,
      "Comparisons do not chain",
      `write \`${first} and ${middle} ${operator.image} ${last}\``,
    );
  }

  #reportLooseNot(prefix: IToken, span: Span): void {
    this.context.reporter.errorOn(
      "E0221",
      prefix,
      `\`${prefix.image}\` binds looser than the operator before it`,
      `write \`(${shortened(spanText(span))})\``,
    );
  }

  #reportAssign(operator: IToken): void {
    this.context.reporter.errorOn(
      "E0210",
      operator,
      `\`${operator.image}\` assigns, but an assignment is a statement`,
      operator.image === "+=" ? "write `+`" : "`==` compares",
    );
  }

  #foreignPrefix(prefix: IToken, hint: string): void {
    this.context.reporter.errorOn(
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

/**
 * The spelling of an operator in this language. `=` in place of `==` was reported before. It has
 * the precedence of `==`.
 */
function spellingOf({ image, tokenType: { PATTERN: pattern } }: IToken): string {
  const spelling = typeof pattern === "string" ? pattern : image;
  return PRECEDENCES.has(spelling) ? spelling : "==";
}
