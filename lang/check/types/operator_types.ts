/** Kinds of what operators make, and the mixes that have no meaning. */
import type { Type } from "../../values/spec.ts";
import type { Span } from "../../source.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { AssignStatement, BinaryExpression, Expression } from "../../syntax/tree/ast.ts";
import {
  type ArithmeticOperator,
  arithmeticType,
  capitalized,
  castable,
  comparableNumbers,
  comparableTypes,
  isNumeric,
  rangeEndsType,
  typeText,
} from "../../values/value_types.ts";
import { mixHint } from "../../values/operators.ts";
import type { TypeMismatches } from "./type_mismatches.ts";

/** Kinds of operands, as far as they are known. */
export interface OperandTypes {
  kindOf(expression: Expression): Type;
  /** Reports what can be neither true nor false. */
  requireBool(expression: Expression, what: string): void;
}

export class OperatorTypes {
  constructor(
    readonly values: OperandTypes,
    readonly bag: DiagnosticBag,
    readonly mismatches: TypeMismatches,
  ) {}

  unary(operator: "not" | "-", operand: Expression): Type {
    if (operator === "not") {
      this.values.requireBool(operand, "`not`");
      return "bool";
    }
    const type = this.values.kindOf(operand);
    if (type === "any") return "any";
    if (isNumeric(type) && type !== "phys" && type !== "dma") return type;
    const hint = type === "word"
      ? "write the errno without a sign; `f() fails EIO` expects it"
      : undefined;
    this.mismatches.wrong("E0401", operand, type, `Cannot negate ${typeText(type)}`, hint);
    return "any";
  }

  binary(expression: BinaryExpression): Type {
    const { left, operator, right } = expression;
    switch (operator) {
      case "and":
      case "or":
        this.values.requireBool(left, `\`${operator}\``);
        this.values.requireBool(right, `\`${operator}\``);
        return "bool";
      case "==":
      case "!=":
        if (!comparableTypes(this.values.kindOf(left), this.values.kindOf(right))) {
          this.#reportMix("E0404", expression, "can never be equal");
        }
        return "bool";
      case "<":
      case "<=":
      case ">":
      case ">=":
        this.#checkOrder(expression);
        return "bool";
      case "|":
      case "&":
      case "<<":
      case ">>":
        return this.#bitsKind(expression);
      default:
        return this.#arithmetic(expression, operator);
    }
  }

  #checkOrder(expression: BinaryExpression): void {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    if (left === "any" || right === "any") return;
    if (isNumeric(left) && isNumeric(right) && comparableNumbers(left, right)) return;
    this.#reportMix("E0401", expression, "cannot be compared");
  }

  #bitsKind(expression: BinaryExpression): Type {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    const plain = (type: Type) => type === "int" || type === "any";
    if (plain(left) && plain(right)) return "int";
    this.#reportMix("E0401", expression, `cannot be combined by \`${expression.operator}\``);
    return "any";
  }

  #arithmetic(expression: BinaryExpression, operator: ArithmeticOperator): Type {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    const kind = resultOf(operator, left, right);
    if (kind !== null) return kind;
    this.#reportMix("E0401", expression, `cannot be combined by \`${operator}\``);
    return "any";
  }

  #reportMix(code: "E0401" | "E0404", expression: BinaryExpression, what: string): void {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    const subject = `${typeText(left)} and ${typeText(right)}`;
    this.mismatches.add(
      {
        code,
        span: expression.operatorSpan,
        message: `${capitalized(subject)} ${what}`,
        hint: mixHint(expression.operator, left, right) ?? undefined,
      },
      [expression.left, left],
      [expression.right, right],
    );
  }

  range(expression: Extract<Expression, { kind: "Range" }>): Type {
    const first = this.values.kindOf(expression.first);
    const last = this.values.kindOf(expression.last);
    const isOrdered = [first, last].every((type) => type === "any" || isNumeric(type));
    const isKnown = first !== "any" && last !== "any";
    if (!isOrdered || isKnown && rangeEndsType(first, last) === null) {
      this.mismatches.add(
        {
          code: "E0401",
          span: expression.span,
          message: `A range cannot go from ${typeText(first)} to ${typeText(last)}`,
        },
        [expression.first, first],
        [expression.last, last],
      );
    }
    // Two dots for one make a range of what has no order, or of names that nothing is called:
    // its uses learn nothing new.
    return isOrdered && (first !== "any" || last !== "any") ? "range" : "any";
  }

  cast(expression: Extract<Expression, { kind: "Cast" }>): Type {
    const type = this.values.kindOf(expression.operand);
    const target = expression.target.text;
    if (target !== "phys" && target !== "dma") {
      this.bag.error(
        "E0406",
        expression.target.span,
        `There is no cast \`as ${target}\``,
        "there are only `as phys` and `as dma`",
      );
      return "any";
    }
    if (type !== "any" && !castable(type)) {
      const isThing = type.startsWith("@");
      const error = {
        code: "E0406" as const,
        span: expression.operand.span,
        message: `Cannot cast ${typeText(type)} to ${typeText(target)}`,
        hint: isThing ? "take its address first, such as `.phys` or `.addr`" : undefined,
      };
      if (isThing) this.mismatches.add(error);
      else this.mismatches.add(error, [expression.operand, type]);
    }
    return target;
  }

  /** The kind after `x += e`; reports a mix that has no meaning. */
  added(left: Type, assignment: AssignStatement): Type {
    return this.sum(left, this.values.kindOf(assignment.value), assignment.span);
  }

  /** What `+=` makes of two kinds, where the sum stands. */
  sum(left: Type, right: Type, span: Span): Type {
    const kind = resultOf("+", left, right);
    if (kind !== null) return kind;
    this.bag.error(
      "E0401",
      span,
      `Cannot add ${typeText(right)} to ${typeText(left)}`,
      mixHint("+", left, right) ?? undefined,
    );
    return "any";
  }
}

/** The kind of what an operator makes of two kinds; null for a mix without meaning. */
function resultOf(operator: ArithmeticOperator, left: Type, right: Type): Type | null {
  if (left === "any" || right === "any") return "any";
  if (isNumeric(left) && isNumeric(right)) return arithmeticType(operator, left, right);
  const joins = operator === "+" && ["string", "list", "bytes"].includes(left);
  return joins && left === right ? left : null;
}
